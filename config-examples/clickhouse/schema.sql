-- ClickHouse for the flows of many machines. Run it once:
--   clickhouse-client --multiquery < schema.sql
--
-- What comes in goes through `incoming`, which stores nothing itself:
--
--   incoming ─► flows ─► flows_by_hour     one row for each flow and window; summed up by hour
--            └► notices                    losses, degradations and failures
--
-- Two ways lead there (see README.md): the sink `http` of nettally, and Vector's sink `clickhouse`.

CREATE DATABASE IF NOT EXISTS nettally;

-- Fields that a record does not have are '', 0 or null here.
CREATE TABLE IF NOT EXISTS nettally.incoming
(
    type              String,
    timestamp         DateTime64(6, 'UTC'),
    window_start      DateTime64(6, 'UTC'),
    window_end        DateTime64(6, 'UTC'),
    host              String,
    process           String,
    pid               UInt32,
    app               String,
    exe               String,
    command_line      String,
    user              String,
    uid               Nullable(UInt32),
    unit              String,
    container         String,
    pod               String,
    package           String,
    tunnel            Bool,
    attribution       String,
    protocol          String,
    local_port        UInt16,
    remote_ip         String,
    remote_port       UInt16,
    sent_bytes        UInt64,
    received_bytes    UInt64,
    level             String,
    message           String,
    reason            String,
    code              String,
    remedy            String,
    events            UInt64
)
ENGINE = Null;

-- The order puts the rows of one machine and application beside each other: they compress to a few
-- bytes, and what is asked of one of them reads no more than that.
CREATE TABLE IF NOT EXISTS nettally.flows
(
    window_start      DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    window_end        DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    host              LowCardinality(String),
    process           LowCardinality(String),
    pid               UInt32 CODEC(ZSTD(1)),
    app               LowCardinality(String),
    exe               LowCardinality(String),
    command_line      String CODEC(ZSTD(3)),
    user              LowCardinality(String),
    uid               Nullable(UInt32) CODEC(ZSTD(1)),
    unit              LowCardinality(String),
    container         LowCardinality(String),
    pod               LowCardinality(String),
    package           LowCardinality(String),
    tunnel            Bool,
    attribution       LowCardinality(String),
    protocol          LowCardinality(String),
    local_port        UInt16 CODEC(ZSTD(1)),
    -- IPv4 addresses are ::ffff:a.b.c.d here. Null: not an address; then remote_kind says what.
    remote_ip         Nullable(IPv6) CODEC(ZSTD(1)),
    remote_kind       LowCardinality(String),
    remote_port       UInt16 CODEC(ZSTD(1)),
    sent_bytes        UInt64 CODEC(T64, ZSTD(1)),
    received_bytes    UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(window_start)
ORDER BY (host, app, process, window_start)
TTL toDateTime(window_start) + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS nettally.incoming_flows TO nettally.flows AS
SELECT
    window_start, window_end, host, process, pid, app, exe, command_line, user, uid, unit,
    container, pod, package, tunnel, attribution, protocol, local_port,
    toIPv6OrNull(remote_ip) AS remote_ip,
    if(isNull(toIPv6OrNull(nettally.incoming.remote_ip)), nettally.incoming.remote_ip, 'address')
        AS remote_kind,
    remote_port, sent_bytes, received_bytes
FROM nettally.incoming
-- Vector's native_json has its word for what it is in `message`.
WHERE type = 'usage' OR (type = '' AND message = 'usage');

CREATE TABLE IF NOT EXISTS nettally.notices
(
    timestamp         DateTime64(6, 'UTC') CODEC(DoubleDelta, ZSTD(1)),
    host              LowCardinality(String),
    type              LowCardinality(String),
    level             LowCardinality(String),
    message           String CODEC(ZSTD(3)),
    reason            LowCardinality(String),
    code              LowCardinality(String),
    remedy            String CODEC(ZSTD(3)),
    events            UInt64,
    sent_bytes        UInt64,
    received_bytes    UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (host, type, timestamp)
TTL toDateTime(timestamp) + INTERVAL 1 YEAR
SETTINGS ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS nettally.incoming_notices TO nettally.notices AS
SELECT
    timestamp, host, type, level, message, reason, code, remedy, events, sent_bytes, received_bytes
FROM nettally.incoming
WHERE type IN ('loss', 'degradation', 'failure');

-- What is asked over months. The first row of an hour is added to, so a sum is needed in questions
-- too: parts are merged only some time later. A window belongs to the hour in which it ends.
CREATE TABLE IF NOT EXISTS nettally.flows_by_hour
(
    hour              DateTime('UTC') CODEC(DoubleDelta, ZSTD(1)),
    host              LowCardinality(String),
    app               LowCardinality(String),
    process           LowCardinality(String),
    user              LowCardinality(String),
    protocol          LowCardinality(String),
    -- /24 of IPv4, /48 of IPv6, else null.
    remote_prefix     Nullable(IPv6) CODEC(ZSTD(1)),
    sent_bytes        UInt64 CODEC(T64, ZSTD(1)),
    received_bytes    UInt64 CODEC(T64, ZSTD(1)),
    windows           UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = SummingMergeTree((sent_bytes, received_bytes, windows))
PARTITION BY toYYYYMM(hour)
ORDER BY (host, app, process, user, protocol, hour, remote_prefix)
TTL hour + INTERVAL 2 YEAR
SETTINGS allow_nullable_key = 1, ttl_only_drop_parts = 1;

CREATE MATERIALIZED VIEW IF NOT EXISTS nettally.flows_to_hours TO nettally.flows_by_hour AS
SELECT
    toStartOfHour(toDateTime(window_end, 'UTC')) AS hour,
    host, app, process, user, protocol,
    if(
        isIPAddressInRange(toString(assumeNotNull(remote_ip)), '::ffff:0:0/96'),
        tupleElement(IPv6CIDRToRange(assumeNotNull(remote_ip), 120), 1),
        if(isNull(remote_ip), NULL, tupleElement(IPv6CIDRToRange(assumeNotNull(remote_ip), 48), 1))
    ) AS remote_prefix,
    sum(sent_bytes) AS sent_bytes,
    sum(received_bytes) AS received_bytes,
    count() AS windows
FROM nettally.flows
GROUP BY hour, host, app, process, user, protocol, remote_prefix;
