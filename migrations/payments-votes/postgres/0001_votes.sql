-- Votes: which were taken, how many tokens they spent, and what waits to be published.
--
-- What is not here, on purpose (threats U2 and U3): a token, a signature, an order, an address, a time. Rows lie in
-- the order in which they came, and each says which transaction wrote it: `settle_votes` takes that away.

CREATE TABLE vote (
    key_id   BYTEA NOT NULL,  -- first, so that the votes of a key are forgotten together
    vote_id  BYTEA NOT NULL,  -- a hash of the text and the tokens; the row is kept as long as the tokens' redemptions

    -- Takes each vote once, whatever the application does.
    CONSTRAINT vote_once PRIMARY KEY (key_id, vote_id),
    CONSTRAINT vote_key_id_length CHECK (length(key_id) = 16),
    CONSTRAINT vote_vote_id_length CHECK (length(vote_id) = 32)
);

CREATE TABLE key_count (
    key_id          BYTEA NOT NULL PRIMARY KEY,
    tokens_counted  BIGINT NOT NULL,  -- of recorded votes; kept for ever, one row a key
    redeemed_total  BIGINT NOT NULL,  -- the highest that challenge-bypass has told: a restored registry tells less

    CONSTRAINT key_count_key_id_length CHECK (length(key_id) = 16),
    CONSTRAINT key_count_counts CHECK (tokens_counted >= 0 AND redeemed_total >= 0)
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

-- Writes what is kept anew, in the order of its ids, into new files: afterwards all rows are of one transaction, and
-- nothing is left of those that were deleted. (`CLUSTER` and `VACUUM FREEZE` leave each row the number of the
-- transaction that wrote it.) It runs as the role that owns the tables, since the service may not empty them.
CREATE FUNCTION settle_votes() RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    LOCK TABLE vote, outbox IN ACCESS EXCLUSIVE MODE;
    CREATE TEMP TABLE kept_vote ON COMMIT DROP AS SELECT * FROM vote;
    CREATE TEMP TABLE kept_outbox ON COMMIT DROP AS SELECT * FROM outbox;
    TRUNCATE vote, outbox;
    INSERT INTO vote SELECT * FROM kept_vote ORDER BY key_id, vote_id;
    INSERT INTO outbox SELECT * FROM kept_outbox ORDER BY id;
END
$$;

-- Whoever may write votes, and nobody else, may call it. It looks for tables where these are, and nowhere else first.
REVOKE EXECUTE ON FUNCTION settle_votes() FROM PUBLIC;
DO $$
DECLARE
    service TEXT;
BEGIN
    FOR service IN
        SELECT DISTINCT grantee::regrole FROM pg_class, aclexplode(relacl)
        WHERE pg_class.oid = 'vote'::regclass AND privilege_type = 'INSERT' AND grantee <> 0 AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION settle_votes() TO %s', service);
    END LOOP;
    EXECUTE format('ALTER FUNCTION settle_votes() SET search_path = %I, pg_temp', current_schema());
END
$$;
