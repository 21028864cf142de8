-- The key directory, the day of the last funds record, and what waits to be published of both.
--
-- Everything here is public, or becomes so.

CREATE TABLE directory_entry (
    place  BIGINT NOT NULL PRIMARY KEY,  -- the entry's index
    entry  TEXT COLLATE "C" NOT NULL                  -- as JSON, with its hash; never changed, never deleted
);

CREATE TABLE directory_head (
    day   TEXT COLLATE "C" NOT NULL PRIMARY KEY,      -- UTC; one head a day
    head  TEXT COLLATE "C" NOT NULL                   -- as JSON, with its signature; never changed, never deleted
);

CREATE TABLE funds_day (
    one  BIGINT NOT NULL PRIMARY KEY CHECK (one = 0),
    day  TEXT COLLATE "C" NOT NULL                    -- the last day that has funds records, UTC
);

CREATE TABLE lease (
    name      TEXT NOT NULL PRIMARY KEY,
    holder    BYTEA NOT NULL,   -- a random number of the process
    epoch     BIGINT NOT NULL,  -- raised whenever the holder changes
    until_ms  BIGINT NOT NULL   -- real time; after it, others may take it
);

CREATE TABLE outbox (
    id        BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 32),  -- a hash or random: its order says nothing about time
    position  BIGINT UNIQUE,               -- NULL until the relay has shuffled the row in
    topic     TEXT NOT NULL,
    key       BYTEA NOT NULL,
    value     BYTEA NOT NULL
);

CREATE TABLE outbox_state (
    one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 0),
    generation  BYTEA NOT NULL,  -- random; a restored outbox needs a new one
    counter     BIGINT NOT NULL  -- the next position to give
);

INSERT INTO outbox_state (one, generation, counter) VALUES (0, uuid_send(gen_random_uuid()), 0);
