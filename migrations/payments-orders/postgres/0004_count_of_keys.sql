-- How many rows idempotency has, so that the bound on them costs no count. They also go with their orders: so the database counts,
-- whoever writes; once for each statement, as each change of a row leaves its old form behind.
CREATE TABLE remembered_keys (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 0),
    keys  BIGINT NOT NULL CHECK (keys >= 0)
);
INSERT INTO remembered_keys (id, keys) SELECT 0, count(*) FROM idempotency;

CREATE FUNCTION count_remembered_keys() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    sign BIGINT := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    UPDATE remembered_keys SET keys = keys + sign * changed.number
    FROM (SELECT count(*) AS number FROM changed_rows) AS changed WHERE changed.number > 0;
    RETURN NULL;
END
$$;

CREATE TRIGGER idempotency_grows AFTER INSERT ON idempotency
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION count_remembered_keys();

CREATE TRIGGER idempotency_shrinks AFTER DELETE ON idempotency
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION count_remembered_keys();
