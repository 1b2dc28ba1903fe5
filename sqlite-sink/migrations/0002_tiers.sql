-- Tiers: what the windows of a minute, an hour, a day (UTC) moved, so that long ranges are
-- answered from few rows.
--
-- A window counts in the bucket that it starts in, as a whole. Bucket number n of a tier is
-- [n * length_ms, (n + 1) * length_ms) of Unix time.

CREATE TABLE tier (
    id              INTEGER PRIMARY KEY,
    name            TEXT    NOT NULL UNIQUE,
    length_ms       INTEGER NOT NULL,
    rolled_until_ms INTEGER                  -- every window that starts before is in; null: none is
) STRICT;
INSERT INTO tier (id, name, length_ms, rolled_until_ms)
VALUES (1, 'minute', 60000, NULL), (2, 'hour', 3600000, NULL), (3, 'day', 86400000, NULL);

-- Only buckets in which a window starts that is stored.
CREATE TABLE tier_bucket (
    tier_id  INTEGER NOT NULL REFERENCES tier (id),
    bucket   INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,               -- start of its first window
    last_ms  INTEGER NOT NULL,               -- end of its last window, which may be in the next bucket
    PRIMARY KEY (tier_id, bucket)
) STRICT, WITHOUT ROWID;

CREATE TABLE minute_usage (
    bucket         INTEGER NOT NULL,
    process_id     INTEGER NOT NULL REFERENCES process (id),
    protocol_id    INTEGER NOT NULL REFERENCES protocol (id),
    local_port     INTEGER NOT NULL,
    remote_id      INTEGER NOT NULL REFERENCES remote (id),
    remote_port    INTEGER NOT NULL,         -- -1: not known
    sent_bytes     INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    PRIMARY KEY (bucket, process_id, protocol_id, local_port, remote_id, remote_port)
) STRICT, WITHOUT ROWID;

CREATE TABLE hour_usage (
    bucket         INTEGER NOT NULL,
    process_id     INTEGER NOT NULL REFERENCES process (id),
    protocol_id    INTEGER NOT NULL REFERENCES protocol (id),
    local_port     INTEGER NOT NULL,
    remote_id      INTEGER NOT NULL REFERENCES remote (id),
    remote_port    INTEGER NOT NULL,
    sent_bytes     INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    PRIMARY KEY (bucket, process_id, protocol_id, local_port, remote_id, remote_port)
) STRICT, WITHOUT ROWID;

CREATE TABLE day_usage (
    bucket         INTEGER NOT NULL,
    process_id     INTEGER NOT NULL REFERENCES process (id),
    protocol_id    INTEGER NOT NULL REFERENCES protocol (id),
    local_port     INTEGER NOT NULL,
    remote_id      INTEGER NOT NULL REFERENCES remote (id),
    remote_port    INTEGER NOT NULL,
    sent_bytes     INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    PRIMARY KEY (bucket, process_id, protocol_id, local_port, remote_id, remote_port)
) STRICT, WITHOUT ROWID;

-- For people and tools: stable, the columns of `usage`. The tiers hold the same bytes several
-- times over: ask one view at a time. A bucket appears once it is over.
CREATE VIEW usage_by_minute AS
-- What each flow moved in the windows that start in each minute.
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', f.bucket * 60, 'unixepoch')       AS window_start,
       strftime('%Y-%m-%dT%H:%M:%fZ', (f.bucket + 1) * 60, 'unixepoch') AS window_end,
       g.name                                                           AS process,
       p.pid                                                            AS pid,
       g.exe                                                            AS exe,
       coalesce(a.name, CAST(a.uid AS TEXT))                            AS user,
       t.name                                                           AS protocol,
       iif(f.local_port < 0, NULL, f.local_port)                        AS local_port,
       r.text                                                           AS remote_ip,
       iif(f.remote_port < 0, NULL, f.remote_port)                      AS remote_port,
       f.sent_bytes                                                     AS sent_bytes,
       f.received_bytes                                                 AS received_bytes
FROM minute_usage f
JOIN process  p ON p.id = f.process_id
JOIN program  g ON g.id = p.program_id
JOIN account  a ON a.id = p.account_id
JOIN protocol t ON t.id = f.protocol_id
JOIN remote   r ON r.id = f.remote_id;

CREATE VIEW usage_by_hour AS
-- What each flow moved in the windows that start in each hour.
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', f.bucket * 3600, 'unixepoch')       AS window_start,
       strftime('%Y-%m-%dT%H:%M:%fZ', (f.bucket + 1) * 3600, 'unixepoch') AS window_end,
       g.name                                                             AS process,
       p.pid                                                              AS pid,
       g.exe                                                              AS exe,
       coalesce(a.name, CAST(a.uid AS TEXT))                              AS user,
       t.name                                                             AS protocol,
       iif(f.local_port < 0, NULL, f.local_port)                          AS local_port,
       r.text                                                             AS remote_ip,
       iif(f.remote_port < 0, NULL, f.remote_port)                        AS remote_port,
       f.sent_bytes                                                       AS sent_bytes,
       f.received_bytes                                                   AS received_bytes
FROM hour_usage f
JOIN process  p ON p.id = f.process_id
JOIN program  g ON g.id = p.program_id
JOIN account  a ON a.id = p.account_id
JOIN protocol t ON t.id = f.protocol_id
JOIN remote   r ON r.id = f.remote_id;

CREATE VIEW usage_by_day AS
-- What each flow moved in the windows that start in each day of UTC.
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', f.bucket * 86400, 'unixepoch')       AS window_start,
       strftime('%Y-%m-%dT%H:%M:%fZ', (f.bucket + 1) * 86400, 'unixepoch') AS window_end,
       g.name                                                              AS process,
       p.pid                                                               AS pid,
       g.exe                                                               AS exe,
       coalesce(a.name, CAST(a.uid AS TEXT))                               AS user,
       t.name                                                              AS protocol,
       iif(f.local_port < 0, NULL, f.local_port)                           AS local_port,
       r.text                                                              AS remote_ip,
       iif(f.remote_port < 0, NULL, f.remote_port)                         AS remote_port,
       f.sent_bytes                                                        AS sent_bytes,
       f.received_bytes                                                    AS received_bytes
FROM day_usage f
JOIN process  p ON p.id = f.process_id
JOIN program  g ON g.id = p.program_id
JOIN account  a ON a.id = p.account_id
JOIN protocol t ON t.id = f.protocol_id
JOIN remote   r ON r.id = f.remote_id;
