-- Orders, the transfers that pay them, and the credentials they buy.
--
-- Times are hours since the Unix epoch, days are YYYY-MM-DD: nothing finer is kept, so that nobody can
-- join an order to what else happened in the same minute (contracts §2; threats U2, S1 to S4).
-- Ids and hashes are bytes, amounts are decimal texts. Texts are compared byte by byte, whatever the language of
-- the database.

CREATE TABLE orders (
    id               BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    created_hour     BIGINT NOT NULL,
    updated_hour     BIGINT NOT NULL,
    -- When this row was made: later than created_hour if the order was made again from its capability.
    kept_from_hour   BIGINT NOT NULL,
    currency         TEXT COLLATE "C" NOT NULL,
    total            TEXT COLLATE "C" NOT NULL,
    funding_source   TEXT COLLATE "C" NOT NULL CHECK (funding_source IN ('anonymous-card', 'user-wallet')),
    status           TEXT COLLATE "C" NOT NULL CHECK (status IN ('pending', 'paid', 'fulfilled', 'canceled')),
    -- How many transfer references were used; the next one has this number.
    references_used  BIGINT NOT NULL DEFAULT 0 CHECK (references_used >= 0),
    has_transfers    BIGINT NOT NULL DEFAULT 0 CHECK (has_transfers IN (0, 1)),
    paid_day         TEXT COLLATE "C",
    fulfilled_day    TEXT COLLATE "C"
);

-- Unpaid orders by age: they are deleted in this order.
CREATE INDEX orders_unpaid ON orders (kept_from_hour) WHERE has_transfers = 0;
CREATE INDEX orders_open ON orders (kept_from_hour) WHERE has_transfers = 1 AND status = 'pending';
CREATE INDEX orders_unclaimed ON orders (paid_day) WHERE status = 'paid';
CREATE INDEX orders_fulfilled ON orders (fulfilled_day) WHERE fulfilled_day IS NOT NULL;
CREATE INDEX orders_closed ON orders (created_hour) WHERE status IN ('fulfilled', 'canceled');

-- How many orders have no transfer, so that the bound on them costs no count.
CREATE TABLE unpaid_orders (
    id      BIGINT NOT NULL PRIMARY KEY CHECK (id = 0),
    orders  BIGINT NOT NULL CHECK (orders >= 0)
);
INSERT INTO unpaid_orders (id, orders) VALUES (0, 0);

CREATE TABLE order_items (
    id           BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    order_id     BYTEA NOT NULL REFERENCES orders ON DELETE CASCADE,
    position     BIGINT NOT NULL,
    sku          TEXT COLLATE "C" NOT NULL,
    quantity     BIGINT NOT NULL CHECK (quantity > 0),
    price        TEXT COLLATE "C" NOT NULL,
    subtotal     TEXT COLLATE "C" NOT NULL,
    location     TEXT COLLATE "C" NOT NULL,
    description  TEXT COLLATE "C" NOT NULL,
    CONSTRAINT order_items_position UNIQUE (order_id, position)
);

-- H(key, body) of orders that were placed with an Idempotency-Key, for a day.
CREATE TABLE idempotency (
    hash          BYTEA NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    order_id      BYTEA NOT NULL REFERENCES orders ON DELETE CASCADE,
    expires_hour  BIGINT NOT NULL
);
CREATE INDEX idempotency_age ON idempotency (expires_hour);
CREATE INDEX idempotency_order ON idempotency (order_id);

CREATE TABLE transfers (
    id             BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    order_id       BYTEA NOT NULL REFERENCES orders ON DELETE CASCADE,
    custodian      TEXT COLLATE "C" NOT NULL CHECK (custodian IN ('anonymous-card', 'gemini', 'uphold')),
    -- The custodian's id and the card, until they are erased.
    external_id    TEXT COLLATE "C",
    payment_id     BYTEA,
    status         TEXT COLLATE "C" NOT NULL
        CHECK (status IN ('canceled', 'completed', 'failed', 'pending', 'processing', 'quoted')),
    currency       TEXT COLLATE "C" NOT NULL,
    amount         TEXT COLLATE "C" NOT NULL,
    created_hour   BIGINT NOT NULL,
    updated_hour   BIGINT NOT NULL
);
CREATE INDEX transfers_order ON transfers (order_id);
CREATE INDEX transfers_open ON transfers (id) WHERE status IN ('pending', 'processing', 'quoted');

-- Each transfer is used once, for ever: a keyed hash of its name stays when all else is erased (T4).
-- No foreign key: it outlives the transfer.
CREATE TABLE used_transfers (
    hash         BYTEA NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    transfer_id  BYTEA NOT NULL
);

-- Money that pays for nothing, for an operator to return.
CREATE TABLE surplus (
    id           BYTEA NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    order_id     BYTEA NOT NULL,
    transfer_id  BYTEA,
    custodian    TEXT COLLATE "C",
    external_id  TEXT COLLATE "C",
    reason       TEXT COLLATE "C" NOT NULL CHECK (reason IN ('canceled', 'late', 'overpaid', 'unclaimed')),
    currency     TEXT COLLATE "C" NOT NULL,
    amount       TEXT COLLATE "C" NOT NULL,
    day          TEXT COLLATE "C" NOT NULL,
    CONSTRAINT surplus_once UNIQUE (order_id, transfer_id, reason)
);

-- Blinded tokens first, then their signatures; both are erased after the retention time.
CREATE TABLE credentials (
    item_id       BYTEA NOT NULL PRIMARY KEY REFERENCES order_items ON DELETE CASCADE,
    order_id      BYTEA NOT NULL,
    sku           TEXT COLLATE "C" NOT NULL,
    state         TEXT COLLATE "C" NOT NULL CHECK (state IN ('signing', 'signed', 'erased')),
    points        BYTEA,
    signed        BYTEA,
    proof         BYTEA,
    public_key    BYTEA,
    key_id        BYTEA,
    signed_day    TEXT COLLATE "C",
    CONSTRAINT credentials_complete CHECK (
        (state = 'signing' AND points IS NOT NULL AND signed IS NULL)
        OR (state = 'signed' AND points IS NOT NULL AND signed IS NOT NULL AND proof IS NOT NULL
            AND public_key IS NOT NULL AND key_id IS NOT NULL AND signed_day IS NOT NULL)
        OR (state = 'erased' AND points IS NULL AND signed IS NULL AND proof IS NULL)
    )
);
CREATE INDEX credentials_order ON credentials (order_id);
CREATE INDEX credentials_signing ON credentials (item_id) WHERE state = 'signing';
CREATE INDEX credentials_signed ON credentials (signed_day) WHERE state = 'signed';

-- Orders that got signatures under a key, by day: what anonymity sets are made of.
CREATE TABLE key_day_orders (
    key_id  BYTEA NOT NULL,
    day     TEXT COLLATE "C" NOT NULL,
    orders  BIGINT NOT NULL CHECK (orders > 0),
    PRIMARY KEY (key_id, day)
);

-- Orders that became paid, by day: whether the funds records may be daily.
CREATE TABLE paid_day_orders (
    day     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    orders  BIGINT NOT NULL CHECK (orders > 0)
);

-- What was received and sold since the beginning; no surplus. Votes of items that were written off are
-- taken off as others are sold, so that no published total falls (docs/decisions/0004).
CREATE TABLE funds_totals (
    source            TEXT COLLATE "C" NOT NULL,
    value             TEXT COLLATE "C" NOT NULL,
    currency          TEXT COLLATE "C" NOT NULL,
    received          TEXT COLLATE "C" NOT NULL,
    votes_sold        BIGINT NOT NULL CHECK (votes_sold >= votes_published),
    -- What the last record said was sold.
    votes_published   BIGINT NOT NULL DEFAULT 0 CHECK (votes_published >= 0),
    -- Votes that were written off and are still in the totals.
    votes_to_set_off  BIGINT NOT NULL DEFAULT 0 CHECK (votes_to_set_off BETWEEN 0 AND votes_sold),
    PRIMARY KEY (source, value)
);

-- Every SKU that was ever ordered: its issuer has to stay configured, since its tokens are out there.
CREATE TABLE known_skus (
    sku  TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
