-- The first schema. A released migration is history: change nothing here, add a file.
--
-- Facts are one row per flow and window, small because every name is a number of a dimension
-- table. People and tools read the views at the end.

-- A start of the machine: the same PID with the same start time is another process after it.
CREATE TABLE boot (
    id      INTEGER PRIMARY KEY,
    boot_id TEXT    NOT NULL UNIQUE          -- /proc/sys/kernel/random/boot_id
) STRICT;

CREATE TABLE program (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL,
    exe  TEXT                                -- null: the process was gone when it was looked up
) STRICT;
CREATE INDEX program_name ON program (name, exe);

CREATE TABLE account (
    id   INTEGER PRIMARY KEY,
    uid  INTEGER,
    name TEXT                                -- null: the machine knows no name for the uid
) STRICT;

-- A process that changes its name or executable gets a row for each.
CREATE TABLE process (
    id                INTEGER PRIMARY KEY,
    boot_id           INTEGER NOT NULL REFERENCES boot (id),
    pid               INTEGER NOT NULL,
    start_boottime_ns INTEGER NOT NULL,      -- nanoseconds from boot to its start
    program_id        INTEGER NOT NULL REFERENCES program (id),
    account_id        INTEGER NOT NULL REFERENCES account (id)
) STRICT;
CREATE INDEX process_identity ON process (pid, start_boottime_ns);

CREATE TABLE protocol (
    id   INTEGER PRIMARY KEY,
    name TEXT    NOT NULL UNIQUE
) STRICT;

CREATE TABLE remote (
    id      INTEGER PRIMARY KEY,
    address BLOB    UNIQUE,                  -- 16 bytes, IPv4 as ::ffff:a.b.c.d, so that a network is a range
    text    TEXT    NOT NULL
) STRICT;
-- The one remote that is not known.
INSERT INTO remote (id, address, text) VALUES (0, NULL, 'unresolved');

-- Half-open: [start_ms, end_ms), milliseconds of Unix time. Only windows in which something was
-- moved or lost are stored.
CREATE TABLE time_window (
    id       INTEGER PRIMARY KEY,
    start_ms INTEGER NOT NULL,
    end_ms   INTEGER NOT NULL CHECK (end_ms > start_ms)
) STRICT;
CREATE UNIQUE INDEX time_window_span ON time_window (start_ms, end_ms);
-- The longest window bounds how far before a range one may start that reaches into it.
CREATE INDEX time_window_length ON time_window (end_ms - start_ms);

-- The facts. Clustered by window, so a range of time is one run of pages.
CREATE TABLE flow_usage (
    window_id      INTEGER NOT NULL REFERENCES time_window (id),
    process_id     INTEGER NOT NULL REFERENCES process (id),
    protocol_id    INTEGER NOT NULL REFERENCES protocol (id),
    local_port     INTEGER NOT NULL,
    remote_id      INTEGER NOT NULL REFERENCES remote (id),
    remote_port    INTEGER NOT NULL,         -- -1: not known
    sent_bytes     INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    first_ms       INTEGER NOT NULL,         -- first activity, milliseconds after the window's start
    last_ms        INTEGER NOT NULL,         -- last activity, likewise
    PRIMARY KEY (window_id, process_id, protocol_id, local_port, remote_id, remote_port)
) STRICT, WITHOUT ROWID;

-- What is missing in the facts of a window, or not attributed fully, and why.
CREATE TABLE loss (
    window_id      INTEGER NOT NULL REFERENCES time_window (id),
    reason         TEXT    NOT NULL,
    events         INTEGER NOT NULL,
    sent_bytes     INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    PRIMARY KEY (window_id, reason)
) STRICT, WITHOUT ROWID;

-- One row: how far the history reaches, windows without usage included.
CREATE TABLE progress (
    id               INTEGER PRIMARY KEY CHECK (id = 1),
    flushed_until_ms INTEGER,
    usage_rows       INTEGER NOT NULL        -- rows of flow_usage, so that nobody has to count them
) STRICT;
INSERT INTO progress (id, flushed_until_ms, usage_rows) VALUES (1, NULL, 0);

-- Everything that is known about a flow in a window.
CREATE VIEW usage_detail AS
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', w.start_ms / 1000.0, 'unixepoch')                AS window_start,
       strftime('%Y-%m-%dT%H:%M:%fZ', w.end_ms / 1000.0, 'unixepoch')                  AS window_end,
       g.name                                                                          AS process,
       p.pid                                                                           AS pid,
       p.start_boottime_ns                                                             AS start_boottime_ns,
       b.boot_id                                                                       AS boot_id,
       g.exe                                                                           AS exe,
       coalesce(a.name, CAST(a.uid AS TEXT))                                           AS user,
       a.uid                                                                           AS uid,
       t.name                                                                          AS protocol,
       f.local_port                                                                    AS local_port,
       r.text                                                                          AS remote_ip,
       nullif(f.remote_port, -1)                                                       AS remote_port,
       f.sent_bytes                                                                    AS sent_bytes,
       f.received_bytes                                                                AS received_bytes,
       strftime('%Y-%m-%dT%H:%M:%fZ', (w.start_ms + f.first_ms) / 1000.0, 'unixepoch') AS first_activity,
       strftime('%Y-%m-%dT%H:%M:%fZ', (w.start_ms + f.last_ms) / 1000.0, 'unixepoch')  AS last_activity
FROM flow_usage f
JOIN time_window w ON w.id = f.window_id
JOIN process     p ON p.id = f.process_id
JOIN boot        b ON b.id = p.boot_id
JOIN program     g ON g.id = p.program_id
JOIN account     a ON a.id = p.account_id
JOIN protocol    t ON t.id = f.protocol_id
JOIN remote      r ON r.id = f.remote_id;

-- For people and tools: stable. SQLite keeps the comment inside, so `.schema usage` shows it.
CREATE VIEW usage AS
-- What each flow moved in each window [window_start, window_end): payload at the socket layer.
-- Times are RFC 3339 in UTC; exe and user are null where unknown, user is the uid where it has no
-- name; remote_ip is 'unresolved' and remote_port null where the remote is not known.
SELECT window_start, window_end, process, pid, exe, user, protocol, local_port, remote_ip,
       remote_port, sent_bytes, received_bytes
FROM usage_detail;

CREATE VIEW losses AS
-- What the history does not show, or not fully, by window and reason.
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', w.start_ms / 1000.0, 'unixepoch') AS window_start,
       strftime('%Y-%m-%dT%H:%M:%fZ', w.end_ms / 1000.0, 'unixepoch')   AS window_end,
       l.reason                                                         AS reason,
       l.events                                                         AS events,
       l.sent_bytes                                                     AS sent_bytes,
       l.received_bytes                                                 AS received_bytes
FROM loss l
JOIN time_window w ON w.id = l.window_id;
