-- How much waits of each epoch, and which groups go on waiting when that is too much.
CREATE TABLE star_pending (
    slot    INTEGER NOT NULL,
    epoch   INTEGER NOT NULL,
    key     BLOB NOT NULL CHECK (length(key) = 32),  -- a secret: which groups are kept is a hash under it
    level   INTEGER NOT NULL CHECK (level BETWEEN 0 AND 63),  -- one group in 2^level is kept
    swept   INTEGER NOT NULL CHECK (swept BETWEEN 0 AND level),  -- the level that older groups were dropped at
    bytes   INTEGER NOT NULL CHECK (bytes >= 0),  -- the sum of star_group.waiting_bytes
    PRIMARY KEY (slot, epoch)
) WITHOUT ROWID;

INSERT INTO star_pending (slot, epoch, key, level, swept, bytes)
SELECT slot, epoch, randomblob(32), 0, 0, SUM(waiting_bytes) FROM star_group GROUP BY slot, epoch;
