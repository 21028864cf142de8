-- Votes: which were taken, how many tokens they spent, and what waits to be published.
--
-- What is not here, on purpose (threats U2 and U3): a token, a signature, an order, an address, a time. Rows lie in
-- the order in which they came, and each says which transaction wrote it: `settle_votes` takes that away. For this, each
-- of `vote` and `outbox` has its rows in one table below it, which is replaced by another.

CREATE TABLE vote (
    key_id   BYTEA NOT NULL,  -- first, so that the votes of a key are forgotten together
    vote_id  BYTEA NOT NULL,  -- a hash of the text and the tokens; the row is kept as long as the tokens' redemptions

    -- Takes each vote once, whatever the application does.
    CONSTRAINT vote_once PRIMARY KEY (key_id, vote_id),
    CONSTRAINT vote_key_id_length CHECK (length(key_id) = 16),
    CONSTRAINT vote_vote_id_length CHECK (length(vote_id) = 32)
) PARTITION BY LIST (key_id);

CREATE TABLE vote_rows PARTITION OF vote DEFAULT;

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

-- The table as the relay knows it, and above it the name.
ALTER TABLE outbox RENAME TO outbox_rows;
CREATE TABLE outbox (LIKE outbox_rows INCLUDING CONSTRAINTS, PRIMARY KEY (id)) PARTITION BY LIST (id);
ALTER TABLE outbox ATTACH PARTITION outbox_rows DEFAULT;

-- Writes what is kept anew, in the order of its ids, into new tables: afterwards all rows are of one transaction, and
-- nothing is left of those that were deleted. (`CLUSTER` and `VACUUM FREEZE` leave each row the number of the
-- transaction that wrote it.) It runs as the role that owns the tables, since the service may not make any.
--
-- A new table never has the name of an old one: a `pg_dump` that began before finds that a table is gone, and fails. Of
-- a table that was emptied and filled, or of one that took its name, it would see no row, and say nothing.
CREATE FUNCTION settle_votes() RETURNS VOID LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    -- What an older transaction wrote, the first copy has.
    oldest XID := pg_snapshot_xmin(pg_current_snapshot())::xid;
    suffix TEXT := replace(gen_random_uuid()::text, '-', '');
    new_vote TEXT := 'vote_' || suffix;
    new_outbox TEXT := 'outbox_' || suffix;
    old_vote REGCLASS;
    old_outbox REGCLASS;
BEGIN
    -- One process does it at a time; what others would do is done by it.
    IF NOT pg_try_advisory_xact_lock('vote'::regclass::oid::bigint) THEN
        RETURN;
    END IF;
    SELECT inhrelid INTO STRICT old_vote FROM pg_inherits WHERE inhparent = 'vote'::regclass;
    SELECT inhrelid INTO STRICT old_outbox FROM pg_inherits WHERE inhparent = 'outbox'::regclass;

    -- The long part. Votes are written and read meanwhile. (One that is forgotten meanwhile comes back, for a day.)
    EXECUTE format('CREATE TABLE %I (LIKE %s INCLUDING ALL)', new_vote, old_vote);
    EXECUTE format('INSERT INTO %I SELECT * FROM vote ORDER BY key_id, vote_id', new_vote);

    -- From here on nobody writes: this is the lock of the one transaction that does. An outbox is small.
    PERFORM pg_advisory_xact_lock(0);
    EXECUTE format('INSERT INTO %I SELECT * FROM vote WHERE age(xmin) <= age($1)
                    ORDER BY key_id, vote_id ON CONFLICT DO NOTHING', new_vote) USING oldest;
    EXECUTE format('CREATE TABLE %I (LIKE %s INCLUDING ALL)', new_outbox, old_outbox);
    EXECUTE format('INSERT INTO %I SELECT * FROM outbox ORDER BY id', new_outbox);

    -- From here on nobody reads, either. Whoever has the tables, such as a `pg_dump`, is waited for only shortly.
    SET LOCAL lock_timeout = '2s';
    LOCK TABLE vote, outbox IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('DROP TABLE %s, %s', old_vote, old_outbox);
    EXECUTE format('ALTER TABLE vote ATTACH PARTITION %I DEFAULT', new_vote);
    EXECUTE format('ALTER TABLE outbox ATTACH PARTITION %I DEFAULT', new_outbox);
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
