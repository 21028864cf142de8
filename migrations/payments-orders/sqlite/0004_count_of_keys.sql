-- How many rows idempotency has, so that the bound on them costs no count. They also go with their orders: so the database counts,
-- whoever writes.
CREATE TABLE remembered_keys (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 0),
    keys  INTEGER NOT NULL CHECK (keys >= 0)
);
INSERT INTO remembered_keys (id, keys) SELECT 0, count(*) FROM idempotency;

CREATE TRIGGER idempotency_grows AFTER INSERT ON idempotency BEGIN
    UPDATE remembered_keys SET keys = keys + 1;
END;

CREATE TRIGGER idempotency_shrinks AFTER DELETE ON idempotency BEGIN
    UPDATE remembered_keys SET keys = keys - 1;
END;
