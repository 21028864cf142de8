-- The key directory, the day of the last funds record, and what waits to be published of both.
--
-- Everything here is public, or becomes so.

CREATE TABLE directory_entry (
    place  INTEGER NOT NULL PRIMARY KEY,  -- the entry's index
    entry  TEXT NOT NULL                  -- as JSON, with its hash; never changed, never deleted
) WITHOUT ROWID;

CREATE TABLE directory_head (
    day   TEXT NOT NULL PRIMARY KEY,      -- UTC; one head a day
    head  TEXT NOT NULL                   -- as JSON, with its signature; never changed, never deleted
) WITHOUT ROWID;

CREATE TABLE funds_day (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 0),
    day  TEXT NOT NULL                    -- the last day that has funds records, UTC
) WITHOUT ROWID;

CREATE TABLE lease (
    name      TEXT NOT NULL PRIMARY KEY,
    holder    BLOB NOT NULL,     -- a random number of the process
    epoch     INTEGER NOT NULL,  -- raised whenever the holder changes
    until_ms  INTEGER NOT NULL   -- real time; after it, others may take it
) WITHOUT ROWID;

CREATE TABLE outbox (
    id        BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),  -- a hash or random: its order says nothing about time
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
