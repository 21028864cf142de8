-- The keys of the randomness service, one for each instance, with what was punctured.
--
-- What is not here, on purpose (threat-model/threats.toml, T14): older states of a key, with which epochs could be
-- evaluated that are over; points; and anything about a request. Texts are compared byte by byte, whatever the language
-- of the database.

-- Replaced rows are cleared away as soon as the server looks for them, instead of when there are many.
CREATE TABLE epoch_keys (
    instance TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    schedule TEXT COLLATE "C" NOT NULL,
    state_id BYTEA NOT NULL CHECK (length(state_id) = 16),  -- another one whenever the state is written
    position BIGINT NOT NULL CHECK (position >= 0),         -- every epoch before is punctured
    data_key BYTEA NOT NULL CHECK (length(data_key) = 80),  -- sealed under the key-encryption key
    state    BYTEA NOT NULL                                 -- sealed under the data key
) WITH (
    autovacuum_vacuum_threshold = 0,
    autovacuum_vacuum_scale_factor = 0,
    toast.autovacuum_vacuum_threshold = 0,
    toast.autovacuum_vacuum_scale_factor = 0
);

-- What is punctured stays punctured, whatever the application does.
CREATE FUNCTION epoch_keys_go_forward() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.position < OLD.position THEN
        RAISE EXCEPTION 'a key never goes back to an older epoch';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER epoch_keys_go_forward BEFORE UPDATE ON epoch_keys
    FOR EACH ROW EXECUTE FUNCTION epoch_keys_go_forward();
