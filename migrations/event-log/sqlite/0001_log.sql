-- The embedded event log: topics of records in one file.
--
-- Records are dropped once they are older than their topic keeps them (`retire`).
CREATE TABLE log (
    one       INTEGER NOT NULL PRIMARY KEY CHECK (one = 0),
    identity  BLOB NOT NULL  -- drawn once: tells this log from one made anew in its place
) WITHOUT ROWID;

INSERT INTO log (one, identity) VALUES (0, randomblob(16));

CREATE TABLE topic (
    name               TEXT NOT NULL PRIMARY KEY,
    partitions         INTEGER NOT NULL CHECK (partitions > 0),
    retention_seconds  INTEGER NOT NULL CHECK (retention_seconds > 0)
) WITHOUT ROWID;

CREATE TABLE topic_partition (
    topic         TEXT NOT NULL REFERENCES topic,
    partition     INTEGER NOT NULL,
    start_offset  INTEGER NOT NULL,  -- the first offset that is kept
    end_offset    INTEGER NOT NULL,  -- the last offset and one; never falls
    PRIMARY KEY (topic, partition),
    CONSTRAINT topic_partition_order CHECK (0 <= start_offset AND start_offset <= end_offset)
) WITHOUT ROWID;

CREATE TABLE record (
    topic          TEXT NOT NULL,
    partition      INTEGER NOT NULL,
    record_offset  INTEGER NOT NULL,
    timestamp_ms   INTEGER NOT NULL,  -- given by the writer: of votes, the day they were published
    key            BLOB NOT NULL,
    value          BLOB NOT NULL,
    PRIMARY KEY (topic, partition, record_offset),
    FOREIGN KEY (topic, partition) REFERENCES topic_partition
) WITHOUT ROWID;

-- One row for each outbox and generation: a few in the life of an installation.
CREATE TABLE publisher (
    name           TEXT NOT NULL PRIMARY KEY,
    epoch          INTEGER NOT NULL,  -- raised when the publisher is opened: shuts out the older one
    next_position  INTEGER            -- NULL until something was published
) WITHOUT ROWID;
