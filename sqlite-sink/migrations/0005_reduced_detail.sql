-- Reduced detail: when the kernel's flow table is full, windows too hold rows whose remote and ports
-- were folded away; and frames of the link layer have no remote at all.

INSERT INTO remote (id, address, text) VALUES (-2, NULL, 'none');

-- What is folded in the rows of a window, as in tier_bucket.
ALTER TABLE time_window ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;

-- As before, but for ports: one below 0 is not told, and shown as null.
DROP VIEW usage;
DROP VIEW usage_detail;
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
       strftime('%Y-%m-%dT%H:%M:%fZ', (w.start_ms + f.last_ms) / 1000.0, 'unixepoch')  AS last_activity
FROM flow_usage f
JOIN time_window w ON w.id = f.window_id
JOIN process     p ON p.id = f.process_id
JOIN boot        b ON b.id = p.boot_id
JOIN program     g ON g.id = p.program_id
JOIN account     a ON a.id = p.account_id
JOIN protocol    t ON t.id = f.protocol_id
JOIN remote      r ON r.id = f.remote_id;

CREATE VIEW usage AS
-- What each flow moved in each window [window_start, window_end): payload at the socket layer.
-- Times are RFC 3339 in UTC; exe and user are null where unknown, user is the uid where it has no
-- name; remote_ip is 'unresolved' where the remote is not known, 'other' where the kernel's flow table
-- was full and remotes share a row, 'none' for frames of the link layer: ports are null then. Rows of
-- the protocol 'packet' hold what other rows hold too: leave them out of sums.
SELECT window_start, window_end, process, pid, exe, user, protocol, local_port, remote_ip,
       remote_port, sent_bytes, received_bytes
FROM usage_detail;
