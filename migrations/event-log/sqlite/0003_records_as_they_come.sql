-- Records lie one behind the other as they come, whatever their partition, and what is written together lies together. In one tree
-- by partition and offset, the end of each partition was a page of its own: a transaction of 53 KB wrote half a megabyte.
ALTER TABLE record RENAME TO record_by_partition;

CREATE TABLE record (
    topic          TEXT NOT NULL,
    partition      INTEGER NOT NULL,
    record_offset  INTEGER NOT NULL,
    timestamp_ms   INTEGER NOT NULL,  -- given by the writer: of votes, the day they were published
    key            BLOB NOT NULL,
    value          BLOB NOT NULL,
    headers        BLOB,              -- what is said beside the value: a JSON array of names and bytes; NULL: nothing, as mostly
    FOREIGN KEY (topic, partition) REFERENCES topic_partition
);

INSERT INTO record (topic, partition, record_offset, timestamp_ms, key, value, headers)
SELECT topic, partition, record_offset, timestamp_ms, key, value, headers FROM record_by_partition
ORDER BY topic, partition, record_offset;

DROP TABLE record_by_partition;

CREATE UNIQUE INDEX record_by_place ON record (topic, partition, record_offset);
