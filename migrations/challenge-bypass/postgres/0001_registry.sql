-- Issuers, their keys, and the registry of spent tokens.
--
-- What is not here, on purpose (threat-model/threats.toml, U2 and U3): preimages, payloads, blinded
-- and signed tokens, request ids, addresses, and any time finer than a day beside a redemption. Texts
-- are compared byte by byte, whatever the language of the database.

CREATE TABLE issuers (
    name               TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    funding_source     TEXT COLLATE "C" NOT NULL,
    sku                TEXT COLLATE "C" NOT NULL,
    price              TEXT COLLATE "C" NOT NULL,  -- a decimal, in plain notation
    currency           TEXT COLLATE "C" NOT NULL,
    key_period_days    BIGINT NOT NULL CHECK (key_period_days > 0),
    redeemable_periods BIGINT NOT NULL CHECK (redeemable_periods > 0),
    derivation         TEXT COLLATE "C" NOT NULL
);

-- Never deleted: the key directory and the totals of tally refer to them. Times are Unix seconds.
CREATE TABLE issuer_keys (
    key_id         BYTEA NOT NULL PRIMARY KEY CHECK (length(key_id) = 16),
    public_key     BYTEA NOT NULL UNIQUE CHECK (length(public_key) = 32),
    issuer         TEXT COLLATE "C" NOT NULL REFERENCES issuers,
    sign_from      BIGINT NOT NULL,
    sign_until     BIGINT NOT NULL CHECK (sign_until > sign_from),
    redeem_until   BIGINT NOT NULL CHECK (redeem_until >= sign_until),
    revoked        BOOLEAN NOT NULL DEFAULT FALSE,
    signed_total   BIGINT NOT NULL DEFAULT 0 CHECK (signed_total >= 0),
    redeemed_total BIGINT NOT NULL DEFAULT 0 CHECK (redeemed_total >= 0)
);

CREATE INDEX issuer_keys_by_issuer ON issuer_keys (issuer, sign_from);

-- Ciphertext only; the key-encryption key is in a file elsewhere. Deleted once the key is revoked or
-- redeems no more.
CREATE TABLE sealed_keys (
    key_id      BYTEA NOT NULL PRIMARY KEY REFERENCES issuer_keys,
    sealing_key BYTEA NOT NULL CHECK (length(sealing_key) = 8),
    nonce       BYTEA NOT NULL UNIQUE CHECK (length(nonce) = 24),
    ciphertext  BYTEA NOT NULL CHECK (length(ciphertext) = 48)
);

-- Signing requests that were counted, so that a repeat is not counted again.
CREATE TABLE signing_requests (
    signing_id BYTEA NOT NULL PRIMARY KEY CHECK (length(signing_id) = 32),
    key_id     BYTEA NOT NULL REFERENCES issuer_keys
);

CREATE INDEX signing_requests_by_key ON signing_requests (key_id);

-- Spent tokens: each key's in a table of their own, which is dropped as a whole when the key has ended.
-- A table is made only for a key of issuer_keys: to declare it as a reference would look it up for each token.
CREATE TABLE redemptions (
    key_id      BYTEA NOT NULL,
    spent       BYTEA NOT NULL CHECK (length(spent) = 32),    -- H("bt/spent/1", t)
    binding     BYTEA NOT NULL CHECK (length(binding) = 32),  -- H("bt/bind/1", t, R)
    redeemed_on TEXT COLLATE "C" NOT NULL,                   -- the day in UTC

    -- Takes each token once, whatever the application does.
    CONSTRAINT redemptions_once PRIMARY KEY (key_id, spent)
) PARTITION BY LIST (key_id);

-- The service makes and drops these tables through two functions, which run as the role that owns all tables:
-- it has no other right to change any.

-- Makes the table of a key that was added. There is one for each key, and for nothing else. It is attached afterwards,
-- since to make it a part at once would wait for everybody who reads redemptions, such as a `pg_dump`.
CREATE FUNCTION begin_redemptions(key BYTEA) RETURNS VOID
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    part TEXT := 'redemptions_' || encode(key, 'hex');
BEGIN
    IF NOT EXISTS (SELECT 1 FROM issuer_keys WHERE key_id = key) THEN
        RAISE EXCEPTION 'there is no such key';
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE redemptions INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE redemptions ATTACH PARTITION %I FOR VALUES IN (%L)', part, key);
END
$$;

-- Drops the table of one key that redeemed until before a time, and answers whether there was any. Whoever reads
-- redemptions, such as a `pg_dump`, is waited for only shortly: who wants to redeem waits too.
CREATE FUNCTION drop_redemptions(before BIGINT) RETURNS BOOLEAN
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    part TEXT;
BEGIN
    SELECT name INTO part
    FROM issuer_keys, LATERAL (SELECT 'redemptions_' || encode(key_id, 'hex') AS name) AS of_key
    WHERE redeem_until < before AND to_regclass(name) IS NOT NULL
    LIMIT 1;
    IF part IS NULL THEN
        RETURN FALSE;
    END IF;
    SET LOCAL lock_timeout = '2s';
    EXECUTE format('DROP TABLE %I', part);
    RETURN TRUE;
END
$$;

-- The key directory. Each entry's hash covers the one before it.
CREATE TABLE directory_entries (
    position BIGINT NOT NULL PRIMARY KEY CHECK (position >= 0),
    entry    TEXT COLLATE "C" NOT NULL  -- JSON, with its hash
);

CREATE FUNCTION key_directory_is_append_only() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the key directory is append-only';
END
$$;

CREATE TRIGGER directory_entries_are_not_changed BEFORE UPDATE ON directory_entries
FOR EACH STATEMENT EXECUTE FUNCTION key_directory_is_append_only();

CREATE TRIGGER directory_entries_are_not_removed BEFORE DELETE OR TRUNCATE ON directory_entries
FOR EACH STATEMENT EXECUTE FUNCTION key_directory_is_append_only();

-- Whoever may write redemptions, and nobody else, may call the two functions. They look for tables where these
-- are, and nowhere else first.
REVOKE EXECUTE ON FUNCTION begin_redemptions(BYTEA), drop_redemptions(BIGINT) FROM PUBLIC;
DO $$
DECLARE
    service TEXT;
BEGIN
    FOR service IN
        SELECT DISTINCT grantee::regrole FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'redemptions'::regclass AND privilege_type = 'INSERT' AND grantee <> 0
          AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION begin_redemptions(BYTEA), drop_redemptions(BIGINT) TO %s',
                       service);
    END LOOP;
    EXECUTE format('ALTER FUNCTION begin_redemptions(BYTEA) SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION drop_redemptions(BIGINT) SET search_path = %I, pg_temp', current_schema());
END
$$;
