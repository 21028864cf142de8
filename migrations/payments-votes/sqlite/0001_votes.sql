-- Votes: which were taken, how many tokens they spent, and what waits to be published.
--
-- What is not here, on purpose (threats U2 and U3): a token, a signature, an order, an address, a time. The tables
-- have no row ids, because those would keep the order of arrival.

CREATE TABLE vote (
    key_id   BLOB NOT NULL,  -- first, so that the votes of a key are forgotten together
    vote_id  BLOB NOT NULL,  -- a hash of the text and the tokens; the row is kept as long as the tokens' redemptions

    -- Takes each vote once, whatever the application does.
    CONSTRAINT vote_once PRIMARY KEY (key_id, vote_id),
    CONSTRAINT vote_key_id_length CHECK (length(key_id) = 16),
    CONSTRAINT vote_vote_id_length CHECK (length(vote_id) = 32)
) WITHOUT ROWID;

CREATE TABLE key_count (
    key_id          BLOB NOT NULL PRIMARY KEY,
    tokens_counted  INTEGER NOT NULL,  -- of recorded votes; kept for ever, one row a key
    redeemed_total  INTEGER NOT NULL,  -- the highest that challenge-bypass has told: a restored registry tells less

    CONSTRAINT key_count_key_id_length CHECK (length(key_id) = 16),
    CONSTRAINT key_count_counts CHECK (tokens_counted >= 0 AND redeemed_total >= 0)
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
