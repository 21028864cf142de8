-- Everything the tally knows: what it has read, what it counted, and the ledger.
--
-- Amounts and balances are integers of 10^-18 of the currency. Days are text, `2026-01-31`; months `2026-01`.
-- Texts are compared byte by byte, whatever the language of the database.

-- Where reading goes on. Moves in the transaction of what was read, so that nothing counts twice.
CREATE TABLE consumer_offset (
    topic        TEXT COLLATE "C" NOT NULL,
    partition    BIGINT NOT NULL,
    next_offset  BIGINT NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (topic, partition)
);

-- The log that the offsets are good for. One made anew in its place has another identity.
CREATE TABLE consumer_log (
    one       BIGINT NOT NULL PRIMARY KEY CHECK (one = 0),
    identity  TEXT COLLATE "C" NOT NULL
);

-- Events that were counted; dropped after `event_id_months`.
CREATE TABLE counted_event (
    id     BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    month  TEXT COLLATE "C" NOT NULL  -- of publication
);
CREATE INDEX counted_event_month ON counted_event (month);

-- Votes by the month they count in. `votes` never falls; `waiting` falls as they are split.
CREATE TABLE vote_pile (
    source   TEXT COLLATE "C" NOT NULL,
    value    NUMERIC(38,0) NOT NULL,
    month    TEXT COLLATE "C" NOT NULL,
    channel  TEXT COLLATE "C" NOT NULL,
    votes    BIGINT NOT NULL CHECK (votes > 0),
    waiting  BIGINT NOT NULL CHECK (0 <= waiting AND waiting <= votes),
    PRIMARY KEY (source, value, month, channel)
);
CREATE INDEX vote_pile_channel ON vote_pile (channel);

-- Votes by day of publication: compared with what was redeemed by the end of that day.
CREATE TABLE vote_day (
    source  TEXT COLLATE "C" NOT NULL,
    value   NUMERIC(38,0) NOT NULL,
    day     TEXT COLLATE "C" NOT NULL,
    votes   BIGINT NOT NULL CHECK (votes > 0),
    PRIMARY KEY (source, value, day)
);

-- The latest record of funds of each source and vote value.
CREATE TABLE funds (
    source      TEXT COLLATE "C" NOT NULL,
    value       NUMERIC(38,0) NOT NULL,
    day         TEXT COLLATE "C" NOT NULL,
    currency    TEXT COLLATE "C" NOT NULL,
    received    NUMERIC(38,0) NOT NULL,
    votes_sold  BIGINT NOT NULL CHECK (votes_sold >= 0),
    votes_split BIGINT NOT NULL DEFAULT 0 CHECK (votes_split >= 0),  -- in all closings
    PRIMARY KEY (source, value)
);

-- Every issuer key that a record of funds ever named.
CREATE TABLE funds_key (
    source        TEXT COLLATE "C" NOT NULL,
    value         NUMERIC(38,0) NOT NULL,
    key_id        BYTEA NOT NULL CHECK (length(key_id) = 16),
    signed        BIGINT NOT NULL CHECK (signed >= 0),
    redeemed      BIGINT NOT NULL CHECK (0 <= redeemed AND redeemed <= signed),
    redeem_until  BIGINT NOT NULL,  -- seconds since 1970
    revoked       BOOLEAN NOT NULL,
    ended         BOOLEAN NOT NULL DEFAULT FALSE,  -- its rest left the pool
    PRIMARY KEY (source, value, key_id)
);

-- Restated totals that wait for an operator: the latest of each source and vote value.
CREATE TABLE restatement (
    source  TEXT COLLATE "C" NOT NULL,
    value   NUMERIC(38,0) NOT NULL,
    record  BYTEA NOT NULL,
    PRIMARY KEY (source, value)
);

-- Transfers between accounts. Never changed or deleted: each is chained to the one before it.
CREATE TABLE ledger_entry (
    position  BIGINT NOT NULL PRIMARY KEY CHECK (position >= 0),
    day       TEXT COLLATE "C" NOT NULL,
    debit     TEXT COLLATE "C" NOT NULL,
    credit    TEXT COLLATE "C" NOT NULL,
    amount    NUMERIC(38,0) NOT NULL,
    memo      TEXT COLLATE "C" NOT NULL,
    hash      BYTEA NOT NULL CHECK (length(hash) = 32),
    CONSTRAINT ledger_entry_moves CHECK (debit <> credit)
);

-- The sums of the entries, for quick answers; `tally verify` recomputes them.
CREATE TABLE account (
    name     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    balance  NUMERIC(38,0) NOT NULL
);

-- Signed states of the ledger. The key is not in this database, and copies are published.
CREATE TABLE ledger_head (
    size            BIGINT NOT NULL,
    witnessed       BIGINT NOT NULL,
    day             TEXT COLLATE "C" NOT NULL,
    hash            BYTEA NOT NULL CHECK (length(hash) = 32),
    witnessed_hash  BYTEA NOT NULL CHECK (length(witnessed_hash) = 32),
    public_key      BYTEA NOT NULL CHECK (length(public_key) = 32),
    signature       BYTEA NOT NULL CHECK (length(signature) = 64),
    PRIMARY KEY (day, size, witnessed)
);

-- The heads of the key directory as they came, one for each day, chained.
CREATE TABLE directory_head (
    position   BIGINT NOT NULL PRIMARY KEY,
    day        TEXT COLLATE "C" NOT NULL UNIQUE,
    size       BIGINT NOT NULL CHECK (size >= 0),
    hash       BYTEA NOT NULL CHECK (length(hash) = 32),
    signature  BYTEA NOT NULL CHECK (length(signature) = 64),
    chain      BYTEA NOT NULL CHECK (length(chain) = 32)
);

-- Months that are closed, and what was done for each source and vote value.
CREATE TABLE closed_month (
    month      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    closed_on  TEXT COLLATE "C" NOT NULL
);

CREATE TABLE closing (
    month         TEXT COLLATE "C" NOT NULL REFERENCES closed_month,
    source        TEXT COLLATE "C" NOT NULL,
    value         NUMERIC(38,0) NOT NULL,
    votes         BIGINT NOT NULL,
    amount        NUMERIC(38,0) NOT NULL,
    fee           NUMERIC(38,0) NOT NULL,
    expired       NUMERIC(38,0) NOT NULL,  -- of ended keys, with those of revoked ones
    left_waiting  BIGINT NOT NULL,
    PRIMARY KEY (month, source, value)
);

CREATE TABLE payout (
    month    TEXT COLLATE "C" NOT NULL REFERENCES closed_month,
    source   TEXT COLLATE "C" NOT NULL,
    value    NUMERIC(38,0) NOT NULL,
    channel  TEXT COLLATE "C" NOT NULL,
    votes    BIGINT NOT NULL CHECK (votes > 0),
    amount   NUMERIC(38,0) NOT NULL,
    PRIMARY KEY (month, source, value, channel)
);

CREATE TABLE lease (
    name      TEXT NOT NULL PRIMARY KEY,
    holder    BYTEA NOT NULL,   -- a random number of the process
    epoch     BIGINT NOT NULL,  -- raised whenever the holder changes
    until_ms  BIGINT NOT NULL   -- real time; after it, others may take it
);

-- Dead letters and signed heads on their way into the event log.
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
