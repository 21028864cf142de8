-- What the aggregator of one or more channels knows: what waits, what is open, and what was counted.
--
-- All that belongs to one outer tag comes in by one partition, and carries the partition's slot. Names of groups, labels and
-- counted messages are hashes of 16 bytes. Texts are compared byte by byte, whatever the language of the database.

-- The partitions that are read, and where reading goes on. Moves in the transaction of what was read.
CREATE TABLE star_slot (
    id           BIGINT NOT NULL PRIMARY KEY,
    topic        TEXT COLLATE "C" NOT NULL,
    partition    BIGINT NOT NULL,
    next_offset  BIGINT NOT NULL CHECK (next_offset >= 0),
    UNIQUE (topic, partition)
);

-- The log that the offsets are good for. One made anew in its place has another identity.
CREATE TABLE consumer_log (
    one       BIGINT NOT NULL PRIMARY KEY CHECK (one = 0),
    identity  TEXT COLLATE "C" NOT NULL
);

-- Messages whose shares open together. `secret` is there once they did.
CREATE TABLE star_group (
    id             BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    slot           BIGINT NOT NULL,
    epoch          BIGINT NOT NULL,
    secret         BYTEA,
    waiting        BIGINT NOT NULL CHECK (waiting >= 0),
    waiting_bytes  BIGINT NOT NULL CHECK (waiting_bytes >= 0),
    tried          BIGINT NOT NULL CHECK (tried >= 0)  -- so many waited when the recovery failed last
);
CREATE INDEX star_group_epoch ON star_group (slot, epoch);

-- Messages of groups that are not open, as they came, packed: one row for a group and a batch.
CREATE TABLE star_waiting (
    group_id      BYTEA NOT NULL,
    first_offset  BIGINT NOT NULL,  -- of the batch
    bodies        BYTEA NOT NULL,
    PRIMARY KEY (group_id, first_offset)
);

-- The texts that opened messages have.
CREATE TABLE star_label (
    id         BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    slot       BIGINT NOT NULL,
    epoch      BIGINT NOT NULL,
    threshold  BIGINT NOT NULL,  -- below so many messages, it is never reported
    path       TEXT COLLATE "C" NOT NULL,     -- a JSON array of the texts down to this one
    opened     BIGINT NOT NULL CHECK (opened >= 0),
    deeper     BIGINT NOT NULL CHECK (deeper >= 0),
    reported   BIGINT NOT NULL CHECK (reported >= 0)
);
CREATE INDEX star_label_epoch ON star_label (slot, epoch, id);

-- Messages that were counted: a second one with the same point of the same group is a replay.
CREATE TABLE star_seen (
    slot   BIGINT NOT NULL,
    epoch  BIGINT NOT NULL,
    id     BYTEA NOT NULL,
    PRIMARY KEY (slot, epoch, id)
);

-- The last records that were no messages.
CREATE TABLE star_dead_letter (
    slot           BIGINT NOT NULL,
    record_offset  BIGINT NOT NULL,
    reason         TEXT COLLATE "C" NOT NULL,
    start          BYTEA NOT NULL,  -- its first bytes
    PRIMARY KEY (slot, record_offset)
);

CREATE TABLE lease (
    name      TEXT NOT NULL PRIMARY KEY,
    holder    BYTEA NOT NULL,     -- a random number of the process
    epoch     BIGINT NOT NULL,  -- raised whenever the holder changes
    until_ms  BIGINT NOT NULL   -- real time; after it, others may take it
);

-- Measurements on their way into the event log.
CREATE TABLE outbox (
    id        BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 32),  -- a hash: its order says nothing about time
    position  BIGINT UNIQUE,             -- NULL until the relay has shuffled the row in
    topic     TEXT COLLATE "C" NOT NULL,
    key       BYTEA NOT NULL,
    value     BYTEA NOT NULL
);

CREATE TABLE outbox_state (
    one         BIGINT NOT NULL PRIMARY KEY CHECK (one = 0),
    generation  BYTEA NOT NULL,    -- random; a restored outbox needs a new one
    counter     BIGINT NOT NULL  -- the next position to give
);

INSERT INTO outbox_state (one, generation, counter) VALUES (0, uuid_send(gen_random_uuid()), 0);
