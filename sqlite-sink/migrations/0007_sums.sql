-- Sums: what each process moved by each protocol in an hour, a day, a month, so that questions about
-- neither remotes nor ports read few rows, and questions about some processes find their rows.
--
-- They are rows of the same buckets, made, kept and deleted with those of hour_usage, day_usage and
-- month_usage; the bytes are the same.

-- group_id: the process that stands for all that are alike; one below 0 stands for itself.
CREATE TABLE hour_sum (
    bucket         INTEGER NOT NULL,
    group_id       INTEGER NOT NULL REFERENCES process (id),
    process_id     INTEGER NOT NULL REFERENCES process (id),
    protocol_id    INTEGER NOT NULL REFERENCES protocol (id),
    sent_bytes     INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    PRIMARY KEY (bucket, group_id, process_id, protocol_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE day_sum (
    bucket         INTEGER NOT NULL,
    group_id       INTEGER NOT NULL REFERENCES process (id),
    process_id     INTEGER NOT NULL REFERENCES process (id),
    protocol_id    INTEGER NOT NULL REFERENCES protocol (id),
    sent_bytes     INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    PRIMARY KEY (bucket, group_id, process_id, protocol_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE month_sum (
    bucket         INTEGER NOT NULL,
    group_id       INTEGER NOT NULL REFERENCES process (id),
    process_id     INTEGER NOT NULL REFERENCES process (id),
    protocol_id    INTEGER NOT NULL REFERENCES protocol (id),
    sent_bytes     INTEGER NOT NULL,
    received_bytes INTEGER NOT NULL,
    PRIMARY KEY (bucket, group_id, process_id, protocol_id)
) STRICT, WITHOUT ROWID;

-- Hours have groups too from now on: each process needs one.
INSERT INTO process (id, program_id, app_id, account_id, place_id, tunnel, attribution, seen_day)
SELECT coalesce((SELECT id FROM process WHERE id < 0 ORDER BY id LIMIT 1), 0) - row_number() OVER (),
       program_id, app_id, account_id, place_id, tunnel, attribution, max(seen_day)
  FROM process p
 WHERE id > 0
   AND NOT EXISTS (SELECT 1 FROM process a
                    WHERE a.id < 0
                      AND a.program_id = p.program_id AND a.app_id = p.app_id
                      AND a.account_id = p.account_id AND a.place_id = p.place_id
                      AND a.tunnel = p.tunnel AND a.attribution = p.attribution)
 GROUP BY program_id, app_id, account_id, place_id, tunnel, attribution;

CREATE TABLE process_group_7 (
    process_id INTEGER PRIMARY KEY,
    group_id   INTEGER NOT NULL
) STRICT;
INSERT INTO process_group_7
SELECT id, id FROM process WHERE id < 0
UNION ALL
SELECT p.id, a.id
  FROM process p
  JOIN process a ON a.id < 0
                AND a.program_id = p.program_id AND a.app_id = p.app_id
                AND a.account_id = p.account_id AND a.place_id = p.place_id
                AND a.tunnel = p.tunnel AND a.attribution = p.attribution
 WHERE p.id > 0;

-- A sum beyond what the file can hold stays at the largest number, as in all tiers: it is made of the
-- upper and the lower halves of the numbers, which cannot overflow.
INSERT INTO hour_sum
SELECT bucket, group_id, process_id, protocol_id,
       iif(sent_high + (sent_low >> 32) > 2147483647, 9223372036854775807,
           (sent_high << 32) + sent_low),
       iif(received_high + (received_low >> 32) > 2147483647, 9223372036854775807,
           (received_high << 32) + received_low)
  FROM (SELECT f.bucket, g.group_id, f.process_id, f.protocol_id,
               sum(f.sent_bytes >> 32)     AS sent_high,     sum(f.sent_bytes & 4294967295)     AS sent_low,
               sum(f.received_bytes >> 32) AS received_high, sum(f.received_bytes & 4294967295) AS received_low
          FROM hour_usage f CROSS JOIN process_group_7 g ON g.process_id = f.process_id
         GROUP BY f.bucket, f.process_id, f.protocol_id);
INSERT INTO day_sum
SELECT bucket, group_id, process_id, protocol_id,
       iif(sent_high + (sent_low >> 32) > 2147483647, 9223372036854775807,
           (sent_high << 32) + sent_low),
       iif(received_high + (received_low >> 32) > 2147483647, 9223372036854775807,
           (received_high << 32) + received_low)
  FROM (SELECT f.bucket, g.group_id, f.process_id, f.protocol_id,
               sum(f.sent_bytes >> 32)     AS sent_high,     sum(f.sent_bytes & 4294967295)     AS sent_low,
               sum(f.received_bytes >> 32) AS received_high, sum(f.received_bytes & 4294967295) AS received_low
          FROM day_usage f CROSS JOIN process_group_7 g ON g.process_id = f.process_id
         GROUP BY f.bucket, f.process_id, f.protocol_id);
INSERT INTO month_sum
SELECT bucket, group_id, process_id, protocol_id,
       iif(sent_high + (sent_low >> 32) > 2147483647, 9223372036854775807,
           (sent_high << 32) + sent_low),
       iif(received_high + (received_low >> 32) > 2147483647, 9223372036854775807,
           (received_high << 32) + received_low)
  FROM (SELECT f.bucket, g.group_id, f.process_id, f.protocol_id,
               sum(f.sent_bytes >> 32)     AS sent_high,     sum(f.sent_bytes & 4294967295)     AS sent_low,
               sum(f.received_bytes >> 32) AS received_high, sum(f.received_bytes & 4294967295) AS received_low
          FROM month_usage f CROSS JOIN process_group_7 g ON g.process_id = f.process_id
         GROUP BY f.bucket, f.process_id, f.protocol_id);

DROP TABLE process_group_7;

-- Days of before version 6 have processes of their own; their sums refer to groups too.
UPDATE process SET day_bucket = max(coalesce(process.day_bucket, s.bucket), s.bucket)
  FROM (SELECT group_id AS id, max(bucket) AS bucket FROM day_sum GROUP BY group_id) s
 WHERE s.id = process.id;

-- Hours no longer have each process that windows and minutes had on a day, so each process and remote
-- says in which hour it is last, as it does of days and months. `seen_day` is about windows and minutes.
ALTER TABLE process ADD COLUMN hour_bucket INTEGER;
ALTER TABLE remote ADD COLUMN hour_bucket INTEGER;
UPDATE process SET hour_bucket = s.bucket
  FROM (SELECT id, max(bucket) AS bucket
          FROM (SELECT process_id AS id, bucket FROM hour_sum
                UNION ALL
                SELECT group_id, bucket FROM hour_sum)
         GROUP BY id) s
 WHERE s.id = process.id;
UPDATE remote SET hour_bucket = s.bucket
  FROM (SELECT remote_id AS id, max(bucket) AS bucket FROM hour_usage GROUP BY remote_id) s
 WHERE s.id = remote.id;
DROP INDEX process_fine;
DROP INDEX remote_fine;
CREATE INDEX process_fine ON process (seen_day)
 WHERE hour_bucket IS NULL AND day_bucket IS NULL AND month_bucket IS NULL;
CREATE INDEX remote_fine ON remote (seen_day)
 WHERE hour_bucket IS NULL AND day_bucket IS NULL AND month_bucket IS NULL;
CREATE INDEX process_hour ON process (hour_bucket) WHERE hour_bucket IS NOT NULL;
CREATE INDEX remote_hour ON remote (hour_bucket) WHERE hour_bucket IS NOT NULL;
