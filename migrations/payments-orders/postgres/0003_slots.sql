-- When rows are taken in is the outbox's own: two relays, or one that starts again, would take in alone what came meanwhile.
ALTER TABLE outbox_state ADD COLUMN slot BIGINT NOT NULL DEFAULT 0;  -- Unix seconds of the last slot that the relay came to, or 0
ALTER TABLE outbox_state ADD COLUMN due BIGINT NOT NULL DEFAULT 0;   -- how many rows that waited then still get positions
-- The server fills in nothing by itself.
ALTER TABLE outbox_state ALTER COLUMN slot DROP DEFAULT, ALTER COLUMN due DROP DEFAULT;
