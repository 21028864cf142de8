-- Issuers, their keys, and the registry of spent tokens.
--
-- What is not here, on purpose (threat-model/threats.toml, U2 and U3): preimages, payloads, blinded
-- and signed tokens, request ids, addresses, and any time finer than a day beside a redemption. The
-- tables that grow with use are kept in the order of digests, without row ids: the order in which
-- rows arrived is not stored either.

CREATE TABLE issuers (
    name               TEXT NOT NULL PRIMARY KEY,
    funding_source     TEXT NOT NULL,
    sku                TEXT NOT NULL,
    price              TEXT NOT NULL,  -- a decimal, in plain notation
    currency           TEXT NOT NULL,
    key_period_days    INTEGER NOT NULL CHECK (key_period_days > 0),
    redeemable_periods INTEGER NOT NULL CHECK (redeemable_periods > 0),
    derivation         TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Never deleted: the key directory and the totals of tally refer to them. Times are Unix seconds.
CREATE TABLE issuer_keys (
    key_id         BLOB NOT NULL PRIMARY KEY CHECK (length(key_id) = 16),
    public_key     BLOB NOT NULL UNIQUE CHECK (length(public_key) = 32),
    issuer         TEXT NOT NULL REFERENCES issuers,
    sign_from      INTEGER NOT NULL,
    sign_until     INTEGER NOT NULL CHECK (sign_until > sign_from),
    redeem_until   INTEGER NOT NULL CHECK (redeem_until >= sign_until),
    revoked        INTEGER NOT NULL DEFAULT 0 CHECK (revoked IN (0, 1)),
    signed_total   INTEGER NOT NULL DEFAULT 0 CHECK (signed_total >= 0),
    redeemed_total INTEGER NOT NULL DEFAULT 0 CHECK (redeemed_total >= 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX issuer_keys_by_issuer ON issuer_keys (issuer, sign_from);

-- Ciphertext only; the key-encryption key is in a file elsewhere. Deleted once the key is revoked or
-- redeems no more.
CREATE TABLE sealed_keys (
    key_id      BLOB NOT NULL PRIMARY KEY REFERENCES issuer_keys,
    sealing_key BLOB NOT NULL CHECK (length(sealing_key) = 8),
    nonce       BLOB NOT NULL UNIQUE CHECK (length(nonce) = 24),
    ciphertext  BLOB NOT NULL CHECK (length(ciphertext) = 48)
) STRICT, WITHOUT ROWID;

-- Signing requests that were counted, so that a repeat is not counted again.
CREATE TABLE signing_requests (
    signing_id BLOB NOT NULL PRIMARY KEY CHECK (length(signing_id) = 32),
    key_id     BLOB NOT NULL REFERENCES issuer_keys
) STRICT, WITHOUT ROWID;

CREATE INDEX signing_requests_by_key ON signing_requests (key_id);

-- Spent tokens. The key is not declared to be one of issuer_keys: it would be looked up for each token. Who writes a
-- token counts it at its key in the same transaction.
CREATE TABLE redemptions (
    key_id      BLOB NOT NULL,
    spent       BLOB NOT NULL CHECK (length(spent) = 32),    -- H("bt/spent/1", t)
    binding     BLOB NOT NULL CHECK (length(binding) = 32),  -- H("bt/bind/1", t, R)
    redeemed_on TEXT NOT NULL,                               -- the day in UTC

    -- Takes each token once, whatever the application does.
    CONSTRAINT redemptions_once PRIMARY KEY (key_id, spent)
) STRICT, WITHOUT ROWID;

-- The key directory. Each entry's hash covers the one before it.
CREATE TABLE directory_entries (
    position INTEGER NOT NULL PRIMARY KEY CHECK (position >= 0),
    entry    TEXT NOT NULL  -- JSON, with its hash
) STRICT;

CREATE TRIGGER directory_entries_are_not_changed BEFORE UPDATE ON directory_entries
BEGIN
    SELECT RAISE(ABORT, 'the key directory is append-only');
END;

CREATE TRIGGER directory_entries_are_not_removed BEFORE DELETE ON directory_entries
BEGIN
    SELECT RAISE(ABORT, 'the key directory is append-only');
END;
