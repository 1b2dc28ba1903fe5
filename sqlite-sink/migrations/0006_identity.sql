-- Identity: what a row can say of a process beside its name; and months, so that years are answered
-- from few rows.
--
-- Days and months do not tell processes apart that differ in nothing but their PID, start, group,
-- parents and command line. The process that stands for them has an id below 0, and none of these.
-- So whatever is started for a moment goes from the file once its hours are gone: `seen_day`,
-- `day_bucket` and `month_bucket` say until when rows refer to a process or a remote, and triggers
-- count which processes refer to the rest.

DROP VIEW usage;
DROP VIEW usage_detail;
DROP VIEW usage_by_minute;
DROP VIEW usage_by_hour;
DROP VIEW usage_by_day;

-- What to group by over weeks: the same however often it is started.
CREATE TABLE app (
    id        INTEGER PRIMARY KEY,
    name      TEXT    NOT NULL UNIQUE,
    processes INTEGER NOT NULL DEFAULT 0     -- rows of process that refer to it, here and below
) STRICT;

-- Where processes run; all null: nowhere in particular, or not known.
CREATE TABLE place (
    id                INTEGER PRIMARY KEY,
    unit              TEXT,                  -- innermost systemd unit that is not a slice
    container         TEXT,                  -- as it is shown: docker:3f2a9c1b7d55
    container_id      TEXT,                  -- as its runtime names it
    pod               TEXT,                  -- uid
    package           TEXT,                  -- sandboxed package: flatpak:org.mozilla.firefox
    cgroup            TEXT,                  -- path
    network_namespace INTEGER,               -- inode number
    processes         INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX place_lookup ON place (cgroup, unit);
INSERT INTO place (id) VALUES (1);

CREATE TABLE command_line (
    id        INTEGER PRIMARY KEY,
    text      TEXT    NOT NULL UNIQUE,
    processes INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Parent, its parent, and so on.
CREATE TABLE ancestry (
    id        INTEGER PRIMARY KEY,
    parents   TEXT    NOT NULL UNIQUE,       -- JSON: [{"pid":812,"name":"bash"},{"pid":1,"name":"systemd"}]
    processes INTEGER NOT NULL DEFAULT 0
) STRICT;

ALTER TABLE program ADD COLUMN processes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN processes INTEGER NOT NULL DEFAULT 0;
CREATE INDEX account_lookup ON account (uid, name);

-- A process of which anything here changes gets a row for each.
CREATE TABLE process_6 (
    id                INTEGER PRIMARY KEY,   -- below 0: stands for all that are alike
    boot_id           INTEGER REFERENCES boot (id),
    pid               INTEGER,
    start_boottime_ns INTEGER,               -- nanoseconds from boot to its start
    program_id        INTEGER NOT NULL REFERENCES program (id),
    app_id            INTEGER NOT NULL REFERENCES app (id),
    account_id        INTEGER NOT NULL REFERENCES account (id),
    place_id          INTEGER NOT NULL REFERENCES place (id),
    tunnel            INTEGER NOT NULL,      -- 1: what others send through it, it sends once more
    attribution       TEXT    NOT NULL,      -- kernel, proc, name, unknown
    gid               INTEGER,
    command_line_id   INTEGER REFERENCES command_line (id),
    ancestry_id       INTEGER REFERENCES ancestry (id),
    seen_day          INTEGER NOT NULL,      -- no row of windows, minutes or hours after this day (UTC) has it
    day_bucket        INTEGER,               -- the last row of days that has it
    month_bucket      INTEGER                -- the same of months
) STRICT;

-- What is known of those of before.
INSERT INTO app (name) SELECT DISTINCT coalesce(exe, name) FROM program;
INSERT INTO process_6
SELECT p.id, p.boot_id, p.pid, p.start_boottime_ns, p.program_id, a.id, p.account_id, 1, 0,
       iif(g.exe IS NULL, 'name', 'proc'), NULL, NULL, NULL,
       coalesce((SELECT flushed_until_ms FROM progress) / 86400000, 0), d.bucket, NULL
  FROM process p
  JOIN program g ON g.id = p.program_id
  JOIN app     a ON a.name = coalesce(g.exe, g.name)
  LEFT JOIN (SELECT process_id, max(bucket) AS bucket FROM day_usage GROUP BY process_id) d
         ON d.process_id = p.id;
DROP TABLE process;
ALTER TABLE process_6 RENAME TO process;
CREATE INDEX process_identity ON process (pid, start_boottime_ns) WHERE id > 0;
CREATE INDEX process_alike ON process (program_id, app_id, account_id, place_id) WHERE id < 0;
CREATE INDEX process_fine ON process (seen_day) WHERE day_bucket IS NULL AND month_bucket IS NULL;
CREATE INDEX process_day ON process (day_bucket) WHERE day_bucket IS NOT NULL;
CREATE INDEX process_tunnel ON process (id) WHERE tunnel = 1;
CREATE INDEX process_month ON process (month_bucket) WHERE month_bucket IS NOT NULL;

ALTER TABLE remote ADD COLUMN seen_day INTEGER NOT NULL DEFAULT 0;
ALTER TABLE remote ADD COLUMN day_bucket INTEGER;
ALTER TABLE remote ADD COLUMN month_bucket INTEGER;
UPDATE remote SET seen_day = coalesce((SELECT flushed_until_ms FROM progress) / 86400000, 0);
UPDATE remote SET day_bucket = d.bucket
  FROM (SELECT remote_id, max(bucket) AS bucket FROM day_usage GROUP BY remote_id) d
 WHERE d.remote_id = remote.id;
CREATE INDEX remote_fine ON remote (seen_day) WHERE day_bucket IS NULL AND month_bucket IS NULL;
CREATE INDEX remote_day ON remote (day_bucket) WHERE day_bucket IS NOT NULL;
CREATE INDEX remote_month ON remote (month_bucket) WHERE month_bucket IS NOT NULL;

UPDATE program SET processes = c.processes
  FROM (SELECT program_id AS id, count(*) AS processes FROM process GROUP BY program_id) c WHERE c.id = program.id;
UPDATE app SET processes = c.processes
  FROM (SELECT app_id AS id, count(*) AS processes FROM process GROUP BY app_id) c WHERE c.id = app.id;
UPDATE account SET processes = c.processes
  FROM (SELECT account_id AS id, count(*) AS processes FROM process GROUP BY account_id) c WHERE c.id = account.id;
UPDATE place SET processes = c.processes
  FROM (SELECT place_id AS id, count(*) AS processes FROM process GROUP BY place_id) c WHERE c.id = place.id;

CREATE TRIGGER process_inserted AFTER INSERT ON process BEGIN
    UPDATE program SET processes = processes + 1 WHERE id = NEW.program_id;
    UPDATE app SET processes = processes + 1 WHERE id = NEW.app_id;
    UPDATE account SET processes = processes + 1 WHERE id = NEW.account_id;
    UPDATE place SET processes = processes + 1 WHERE id = NEW.place_id;
    UPDATE command_line SET processes = processes + 1 WHERE id = NEW.command_line_id;
    UPDATE ancestry SET processes = processes + 1 WHERE id = NEW.ancestry_id;
END;
CREATE TRIGGER process_deleted AFTER DELETE ON process BEGIN
    UPDATE program SET processes = processes - 1 WHERE id = OLD.program_id;
    UPDATE app SET processes = processes - 1 WHERE id = OLD.app_id;
    UPDATE account SET processes = processes - 1 WHERE id = OLD.account_id;
    UPDATE place SET processes = processes - 1 WHERE id = OLD.place_id;
    UPDATE command_line SET processes = processes - 1 WHERE id = OLD.command_line_id;
    UPDATE ancestry SET processes = processes - 1 WHERE id = OLD.ancestry_id;
    DELETE FROM program WHERE id = OLD.program_id AND processes = 0;
    DELETE FROM app WHERE id = OLD.app_id AND processes = 0;
    DELETE FROM account WHERE id = OLD.account_id AND processes = 0;
    DELETE FROM place WHERE id = OLD.place_id AND processes = 0;
    DELETE FROM command_line WHERE id = OLD.command_line_id AND processes = 0;
    DELETE FROM ancestry WHERE id = OLD.ancestry_id AND processes = 0;
END;

-- Bucket number n of months is the month n months after January 1970 (UTC); they have no one length.
INSERT INTO tier (id, name, length_ms, rolled_until_ms) VALUES (4, 'month', 0, NULL);
CREATE TABLE month_usage (
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

-- In tier_bucket.folded, 4 comes on top where processes stand for all that are alike.

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
       iif(f.local_port < 0, NULL, f.local_port)                                       AS local_port,
       r.text                                                                          AS remote_ip,
       iif(f.remote_port < 0, NULL, f.remote_port)                                     AS remote_port,
       f.sent_bytes                                                                    AS sent_bytes,
       f.received_bytes                                                                AS received_bytes,
       strftime('%Y-%m-%dT%H:%M:%fZ', (w.start_ms + f.first_ms) / 1000.0, 'unixepoch') AS first_activity,
       strftime('%Y-%m-%dT%H:%M:%fZ', (w.start_ms + f.last_ms) / 1000.0, 'unixepoch')  AS last_activity,
       n.name                                                                          AS app,
       l.unit                                                                          AS unit,
       l.container                                                                     AS container,
       l.container_id                                                                  AS container_id,
       l.pod                                                                           AS pod,
       l.package                                                                       AS package,
       l.cgroup                                                                        AS cgroup,
       l.network_namespace                                                             AS network_namespace,
       p.gid                                                                           AS gid,
       p.tunnel                                                                        AS tunnel,
       p.attribution                                                                   AS attribution,
       c.text                                                                          AS command_line,
       h.parents                                                                       AS parents
FROM flow_usage f
JOIN time_window  w ON w.id = f.window_id
JOIN process      p ON p.id = f.process_id
JOIN program      g ON g.id = p.program_id
JOIN app          n ON n.id = p.app_id
JOIN account      a ON a.id = p.account_id
JOIN place        l ON l.id = p.place_id
JOIN protocol     t ON t.id = f.protocol_id
JOIN remote       r ON r.id = f.remote_id
LEFT JOIN boot         b ON b.id = p.boot_id
LEFT JOIN command_line c ON c.id = p.command_line_id
LEFT JOIN ancestry     h ON h.id = p.ancestry_id;

CREATE VIEW usage AS
-- What each flow moved in each window [window_start, window_end): payload at the socket layer.
-- Times are RFC 3339 in UTC; exe and user are null where unknown, user is the uid where it has no
-- name; remote_ip is 'unresolved' where the remote is not known, 'other' where the kernel's flow table
-- was full and remotes share a row, 'none' for frames of the link layer: ports are null then. unit and
-- container are null where there is none. Rows of the protocol 'packet' hold what other rows hold too:
-- leave them out of sums.
SELECT window_start, window_end, process, pid, exe, user, protocol, local_port, remote_ip,
       remote_port, sent_bytes, received_bytes, app, unit, container
FROM usage_detail;

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
       f.received_bytes                                                 AS received_bytes,
       n.name                                                           AS app,
       l.unit                                                           AS unit,
       l.container                                                      AS container
FROM minute_usage f
JOIN process  p ON p.id = f.process_id
JOIN program  g ON g.id = p.program_id
JOIN app      n ON n.id = p.app_id
JOIN account  a ON a.id = p.account_id
JOIN place    l ON l.id = p.place_id
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
       f.received_bytes                                                   AS received_bytes,
       n.name                                                             AS app,
       l.unit                                                             AS unit,
       l.container                                                        AS container
FROM hour_usage f
JOIN process  p ON p.id = f.process_id
JOIN program  g ON g.id = p.program_id
JOIN app      n ON n.id = p.app_id
JOIN account  a ON a.id = p.account_id
JOIN place    l ON l.id = p.place_id
JOIN protocol t ON t.id = f.protocol_id
JOIN remote   r ON r.id = f.remote_id;

CREATE VIEW usage_by_day AS
-- What each flow moved in the windows that start in each day of UTC; pid is null.
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
       f.received_bytes                                                    AS received_bytes,
       n.name                                                              AS app,
       l.unit                                                              AS unit,
       l.container                                                         AS container
FROM day_usage f
JOIN process  p ON p.id = f.process_id
JOIN program  g ON g.id = p.program_id
JOIN app      n ON n.id = p.app_id
JOIN account  a ON a.id = p.account_id
JOIN place    l ON l.id = p.place_id
JOIN protocol t ON t.id = f.protocol_id
JOIN remote   r ON r.id = f.remote_id;

CREATE VIEW usage_by_month AS
-- What each flow moved in the windows that start in each month of UTC; pid is null.
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', '1970-01-01', f.bucket || ' months')       AS window_start,
       strftime('%Y-%m-%dT%H:%M:%fZ', '1970-01-01', (f.bucket + 1) || ' months') AS window_end,
       g.name                                                                    AS process,
       p.pid                                                                     AS pid,
       g.exe                                                                     AS exe,
       coalesce(a.name, CAST(a.uid AS TEXT))                                     AS user,
       t.name                                                                    AS protocol,
       iif(f.local_port < 0, NULL, f.local_port)                                 AS local_port,
       r.text                                                                    AS remote_ip,
       iif(f.remote_port < 0, NULL, f.remote_port)                               AS remote_port,
       f.sent_bytes                                                              AS sent_bytes,
       f.received_bytes                                                          AS received_bytes,
       n.name                                                                    AS app,
       l.unit                                                                    AS unit,
       l.container                                                               AS container
FROM month_usage f
JOIN process  p ON p.id = f.process_id
JOIN program  g ON g.id = p.program_id
JOIN app      n ON n.id = p.app_id
JOIN account  a ON a.id = p.account_id
JOIN place    l ON l.id = p.place_id
JOIN protocol t ON t.id = f.protocol_id
JOIN remote   r ON r.id = f.remote_id;
