-- Everything the tally knows: what it has read, what it counted, and the ledger.
--
-- Amounts and balances are integers of 10^-18 of the currency, as 16 bytes, big endian (balances in
-- two's complement): SQLite has no decimal type. Days are text, `2026-01-31`; months `2026-01`.

-- Where reading goes on. Moves in the transaction of what was read, so that nothing counts twice.
CREATE TABLE consumer_offset (
    topic        TEXT NOT NULL,
    partition    INTEGER NOT NULL,
    next_offset  INTEGER NOT NULL CHECK (next_offset >= 0),
    PRIMARY KEY (topic, partition)
) WITHOUT ROWID;

-- The log that the offsets are good for. One made anew in its place has another identity.
CREATE TABLE consumer_log (
    one       INTEGER NOT NULL PRIMARY KEY CHECK (one = 0),
    identity  TEXT NOT NULL
) WITHOUT ROWID;

-- Events that were counted; dropped after `event_id_months`.
CREATE TABLE counted_event (
    id     BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    month  TEXT NOT NULL  -- of publication
) WITHOUT ROWID;
CREATE INDEX counted_event_month ON counted_event (month);

-- Votes by the month they count in. `votes` never falls; `waiting` falls as they are split.
CREATE TABLE vote_pile (
    source   TEXT NOT NULL,
    value    BLOB NOT NULL CHECK (length(value) = 16),
    month    TEXT NOT NULL,
    channel  TEXT NOT NULL,
    votes    INTEGER NOT NULL CHECK (votes > 0),
    waiting  INTEGER NOT NULL CHECK (0 <= waiting AND waiting <= votes),
    PRIMARY KEY (source, value, month, channel)
) WITHOUT ROWID;
CREATE INDEX vote_pile_channel ON vote_pile (channel);

-- Votes by day of publication: compared with what was redeemed by the end of that day.
CREATE TABLE vote_day (
    source  TEXT NOT NULL,
    value   BLOB NOT NULL CHECK (length(value) = 16),
    day     TEXT NOT NULL,
    votes   INTEGER NOT NULL CHECK (votes > 0),
    PRIMARY KEY (source, value, day)
) WITHOUT ROWID;

-- The latest record of funds of each source and vote value.
CREATE TABLE funds (
    source      TEXT NOT NULL,
    value       BLOB NOT NULL CHECK (length(value) = 16),
    day         TEXT NOT NULL,
    currency    TEXT NOT NULL,
    received    BLOB NOT NULL CHECK (length(received) = 16),
    votes_sold  INTEGER NOT NULL CHECK (votes_sold >= 0),
    votes_split INTEGER NOT NULL DEFAULT 0 CHECK (votes_split >= 0),  -- in all closings
    PRIMARY KEY (source, value)
) WITHOUT ROWID;

-- Every issuer key that a record of funds ever named.
CREATE TABLE funds_key (
    source        TEXT NOT NULL,
    value         BLOB NOT NULL CHECK (length(value) = 16),
    key_id        BLOB NOT NULL CHECK (length(key_id) = 16),
    signed        INTEGER NOT NULL CHECK (signed >= 0),
    redeemed      INTEGER NOT NULL CHECK (0 <= redeemed AND redeemed <= signed),
    redeem_until  INTEGER NOT NULL,  -- seconds since 1970
    revoked       INTEGER NOT NULL CHECK (revoked IN (0, 1)),
    ended         INTEGER NOT NULL DEFAULT 0 CHECK (ended IN (0, 1)),  -- its rest left the pool
    PRIMARY KEY (source, value, key_id)
) WITHOUT ROWID;

-- Restated totals that wait for an operator: the latest of each source and vote value.
CREATE TABLE restatement (
    source  TEXT NOT NULL,
    value   BLOB NOT NULL CHECK (length(value) = 16),
    record  BLOB NOT NULL,
    PRIMARY KEY (source, value)
) WITHOUT ROWID;

-- Transfers between accounts. Never changed or deleted: each is chained to the one before it.
CREATE TABLE ledger_entry (
    position  INTEGER NOT NULL PRIMARY KEY CHECK (position >= 0),
    day       TEXT NOT NULL,
    debit     TEXT NOT NULL,
    credit    TEXT NOT NULL,
    amount    BLOB NOT NULL CHECK (length(amount) = 16),
    memo      TEXT NOT NULL,
    hash      BLOB NOT NULL CHECK (length(hash) = 32),
    CONSTRAINT ledger_entry_moves CHECK (debit <> credit)
);

-- The sums of the entries, for quick answers; `tally verify` recomputes them.
CREATE TABLE account (
    name     TEXT NOT NULL PRIMARY KEY,
    balance  BLOB NOT NULL CHECK (length(balance) = 16)
) WITHOUT ROWID;

-- Signed states of the ledger. The key is not in this database, and copies are published.
CREATE TABLE ledger_head (
    size            INTEGER NOT NULL,
    witnessed       INTEGER NOT NULL,
    day             TEXT NOT NULL,
    hash            BLOB NOT NULL CHECK (length(hash) = 32),
    witnessed_hash  BLOB NOT NULL CHECK (length(witnessed_hash) = 32),
    public_key      BLOB NOT NULL CHECK (length(public_key) = 32),
    signature       BLOB NOT NULL CHECK (length(signature) = 64),
    PRIMARY KEY (day, size, witnessed)
) WITHOUT ROWID;

-- The heads of the key directory as they came, one for each day, chained.
CREATE TABLE directory_head (
    position   INTEGER NOT NULL PRIMARY KEY,
    day        TEXT NOT NULL UNIQUE,
    size       INTEGER NOT NULL CHECK (size >= 0),
    hash       BLOB NOT NULL CHECK (length(hash) = 32),
    signature  BLOB NOT NULL CHECK (length(signature) = 64),
    chain      BLOB NOT NULL CHECK (length(chain) = 32)
);

-- Months that are closed, and what was done for each source and vote value.
CREATE TABLE closed_month (
    month      TEXT NOT NULL PRIMARY KEY,
    closed_on  TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE closing (
    month         TEXT NOT NULL REFERENCES closed_month,
    source        TEXT NOT NULL,
    value         BLOB NOT NULL CHECK (length(value) = 16),
    votes         INTEGER NOT NULL,
    amount        BLOB NOT NULL CHECK (length(amount) = 16),
    fee           BLOB NOT NULL CHECK (length(fee) = 16),
    expired       BLOB NOT NULL CHECK (length(expired) = 16),  -- of ended keys, with those of revoked ones
    left_waiting  INTEGER NOT NULL,
    PRIMARY KEY (month, source, value)
) WITHOUT ROWID;

CREATE TABLE payout (
    month    TEXT NOT NULL REFERENCES closed_month,
    source   TEXT NOT NULL,
    value    BLOB NOT NULL CHECK (length(value) = 16),
    channel  TEXT NOT NULL,
    votes    INTEGER NOT NULL CHECK (votes > 0),
    amount   BLOB NOT NULL CHECK (length(amount) = 16),
    PRIMARY KEY (month, source, value, channel)
) WITHOUT ROWID;

CREATE TABLE lease (
    name      TEXT NOT NULL PRIMARY KEY,
    holder    BLOB NOT NULL,     -- a random number of the process
    epoch     INTEGER NOT NULL,  -- raised whenever the holder changes
    until_ms  INTEGER NOT NULL   -- real time; after it, others may take it
) WITHOUT ROWID;

-- Dead letters and signed heads on their way into the event log.
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
