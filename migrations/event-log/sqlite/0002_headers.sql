-- What is said beside a record's value: a JSON array of names and bytes. NULL: nothing, as mostly.
ALTER TABLE record ADD COLUMN headers BLOB;
