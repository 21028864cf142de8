-- What the aggregator of one or more channels knows: what waits, what is open, and what was counted.
--
-- All that belongs to one outer tag comes in by one partition, and carries the partition's slot. Names of groups, labels and
-- counted messages are hashes of 16 bytes.

-- The partitions that are read, and where reading goes on. Moves in the transaction of what was read.
CREATE TABLE star_slot (
    id           INTEGER NOT NULL PRIMARY KEY,
    topic        TEXT NOT NULL,
    partition    INTEGER NOT NULL,
    next_offset  INTEGER NOT NULL CHECK (next_offset >= 0),
    UNIQUE (topic, partition)
);

-- The log that the offsets are good for. One made anew in its place has another identity.
CREATE TABLE consumer_log (
    one       INTEGER NOT NULL PRIMARY KEY CHECK (one = 0),
    identity  TEXT NOT NULL
) WITHOUT ROWID;

-- Messages whose shares open together. `secret` is there once they did.
CREATE TABLE star_group (
    id             BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    slot           INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    secret         BLOB,
    waiting        INTEGER NOT NULL CHECK (waiting >= 0),
    waiting_bytes  INTEGER NOT NULL CHECK (waiting_bytes >= 0),
    tried          INTEGER NOT NULL CHECK (tried >= 0)  -- so many waited when the recovery failed last
) WITHOUT ROWID;
CREATE INDEX star_group_epoch ON star_group (slot, epoch);

-- Messages of groups that are not open, as they came, packed: one row for a group and a batch.
CREATE TABLE star_waiting (
    group_id      BLOB NOT NULL,
    first_offset  INTEGER NOT NULL,  -- of the batch
    bodies        BLOB NOT NULL,
    PRIMARY KEY (group_id, first_offset)
);

-- The texts that opened messages have.
CREATE TABLE star_label (
    id         BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    slot       INTEGER NOT NULL,
    epoch      INTEGER NOT NULL,
    threshold  INTEGER NOT NULL,  -- below so many messages, it is never reported
    path       TEXT NOT NULL,     -- a JSON array of the texts down to this one
    opened     INTEGER NOT NULL CHECK (opened >= 0),
    deeper     INTEGER NOT NULL CHECK (deeper >= 0),
    reported   INTEGER NOT NULL CHECK (reported >= 0)
) WITHOUT ROWID;
CREATE INDEX star_label_epoch ON star_label (slot, epoch, id);

-- Messages that were counted: a second one with the same point of the same group is a replay.
CREATE TABLE star_seen (
    slot   INTEGER NOT NULL,
    epoch  INTEGER NOT NULL,
    id     BLOB NOT NULL,
    PRIMARY KEY (slot, epoch, id)
) WITHOUT ROWID;

-- The last records that were no messages.
CREATE TABLE star_dead_letter (
    slot           INTEGER NOT NULL,
    record_offset  INTEGER NOT NULL,
    reason         TEXT NOT NULL,
    start          BLOB NOT NULL,  -- its first bytes
    PRIMARY KEY (slot, record_offset)
) WITHOUT ROWID;

CREATE TABLE lease (
    name      TEXT NOT NULL PRIMARY KEY,
    holder    BLOB NOT NULL,     -- a random number of the process
    epoch     INTEGER NOT NULL,  -- raised whenever the holder changes
    until_ms  INTEGER NOT NULL   -- real time; after it, others may take it
) WITHOUT ROWID;

-- Measurements on their way into the event log.
CREATE TABLE outbox (
    id        BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),  -- a hash: its order says nothing about time
    position  INTEGER UNIQUE,             -- NULL until the relay has shuffled the row in
    topic     TEXT NOT NULL,
    key       BLOB NOT NULL,
    value     BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE outbox_state (
    one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 0),
    generation  BLOB NOT NULL,    -- random; a restored outbox needs a new one
    counter     INTEGER NOT NULL  -- the next position to give
) WITHOUT ROWID;

INSERT INTO outbox_state (one, generation, counter) VALUES (0, randomblob(16), 0);
