-- The keys of the randomness service, one for each instance, with what was punctured.
--
-- What is not here, on purpose (threat-model/threats.toml, T14): older states of a key, with which epochs could be
-- evaluated that are over; points; and anything about a request.

CREATE TABLE epoch_keys (
    instance TEXT NOT NULL PRIMARY KEY,
    schedule TEXT NOT NULL,
    state_id BLOB NOT NULL CHECK (length(state_id) = 16),  -- another one whenever the state is written
    position INTEGER NOT NULL CHECK (position >= 0),       -- every epoch before is punctured
    data_key BLOB NOT NULL CHECK (length(data_key) = 80),  -- sealed under the key-encryption key
    state    BLOB NOT NULL                                 -- sealed under the data key
) STRICT, WITHOUT ROWID;

-- What is punctured stays punctured, whatever the application does.
CREATE TRIGGER epoch_keys_go_forward BEFORE UPDATE ON epoch_keys WHEN NEW.position < OLD.position BEGIN
    SELECT RAISE(ABORT, 'a key never goes back to an older epoch');
END;
