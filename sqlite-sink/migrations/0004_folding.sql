-- Folding: in minutes, hours and days small remotes and ephemeral ports are not told apart, so that
-- these tiers stay small while their totals stay exact.

-- Remotes that were not among the largest of their bucket, together. Port -2 is one that is not
-- told; the views show null.
INSERT INTO remote (id, address, text) VALUES (-1, NULL, 'other');

-- What is folded in a bucket: 0 nothing, 1 remotes, 2 ports, 3 both.
ALTER TABLE tier_bucket ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
-- How many finer rows it was made from: what it costs to answer without it.
ALTER TABLE tier_bucket ADD COLUMN source_rows INTEGER NOT NULL DEFAULT 0;
