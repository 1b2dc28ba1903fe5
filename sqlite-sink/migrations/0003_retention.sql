-- Retention: how far back the rows of each tier are complete, and what is left of losses.

-- Rows of windows have a tier of their own, which is never rolled up.
INSERT INTO tier (id, name, length_ms, rolled_until_ms) VALUES (0, 'window', 1, NULL);

-- Every row of the tier that belongs to a time from here on is there; null: of any time. What is
-- older is being deleted, or is gone.
ALTER TABLE tier ADD COLUMN kept_from_ms INTEGER;

-- The losses of windows that are gone, by day of UTC.
CREATE TABLE day_loss (
    bucket         INTEGER NOT NULL,
    reason         TEXT    NOT NULL,
    events         INTEGER NOT NULL,
    sent_bytes     INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    PRIMARY KEY (bucket, reason)
) STRICT, WITHOUT ROWID;

DROP VIEW losses;
CREATE VIEW losses AS
-- What the history does not show, or not fully, by reason and window, or day where windows are gone.
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', l.bucket * 86400, 'unixepoch')       AS window_start,
       strftime('%Y-%m-%dT%H:%M:%fZ', (l.bucket + 1) * 86400, 'unixepoch') AS window_end,
       l.reason                                                            AS reason,
       l.events                                                            AS events,
       l.sent_bytes                                                        AS sent_bytes,
       l.received_bytes                                                    AS received_bytes
FROM day_loss l
UNION ALL
SELECT strftime('%Y-%m-%dT%H:%M:%fZ', w.start_ms / 1000.0, 'unixepoch') AS window_start,
       strftime('%Y-%m-%dT%H:%M:%fZ', w.end_ms / 1000.0, 'unixepoch')   AS window_end,
       l.reason                                                         AS reason,
       l.events                                                         AS events,
       l.sent_bytes                                                     AS sent_bytes,
       l.received_bytes                                                 AS received_bytes
FROM loss l
JOIN time_window w ON w.id = l.window_id;
