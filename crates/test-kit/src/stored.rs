//! What is stored: every value of every table and topic, and the bytes that they lie in.

use std::{collections::BTreeMap, fs, io, path::Path};

use service_kit::event_log::{Partition, Record};

use crate::database::{Database, Row};

/// One value in a database.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub struct StoredValue {
    /// The database, by the name of its file, which it has in PostgreSQL, too.
    pub database: String,
    /// The table.
    pub table: String,
    /// The column.
    pub column: String,
    /// The value: text as UTF-8, numbers as decimal text, blobs as they are.
    pub bytes: Vec<u8>,
    /// What else tells when its row was written.
    pub stamps: Vec<Stamp>,
}

/// A number that an engine gives to what is written, in the order in which it is: of a transaction, or a time.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Stamp {
    /// The column that has it.
    pub column: &'static str,
    /// Who counts. Numbers of one counter are in one order.
    pub counter: String,
    /// The number.
    pub number: u64,
}

impl std::fmt::Debug for StoredValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            database,
            table,
            column,
            bytes,
            stamps: _,
        } = self;
        write!(f, "{database}/{table}.{column} ({} bytes)", bytes.len())
    }
}

/// Every value of every table of one database, whose transactions `counter` counts.
pub(crate) async fn values_of(
    database: &mut Database,
    name: &str,
    counter: Option<&str>,
) -> anyhow::Result<Vec<StoredValue>> {
    let mut values = Vec::new();
    for table in database.tables().await? {
        for row in database.content(&table).await? {
            let (columns, stamps) = match counter {
                None => (row.into_columns().collect(), Vec::new()),
                Some(counter) => stamped(row, counter),
            };
            for (column, bytes) in columns {
                values.extend(bytes.map(|bytes| StoredValue {
                    database: name.to_owned(),
                    table: table.whole.clone(),
                    column,
                    bytes,
                    stamps: stamps.clone(),
                }));
            }
        }
    }
    Ok(values)
}

type Columns = Vec<(String, Option<Vec<u8>>)>;

/// Takes the numbers of transactions off a row of PostgreSQL. None, or one of the server's first, is of nobody.
fn stamped(row: Row, counter: &str) -> (Columns, Vec<Stamp>) {
    let (xmin, xmax) = (row.number(0), row.number(1));
    let stamps = [("xmin", xmin), ("xmax", xmax)].into_iter();
    let stamps = stamps.filter(|(_, number)| *number > 2);
    let stamps = stamps.map(|(column, number)| Stamp {
        column,
        counter: counter.to_owned(),
        number: number.unsigned_abs(),
    });
    (row.into_columns().skip(2).collect(), stamps.collect())
}

/// A record of a topic in Kafka, in the columns that it has in the embedded log.
pub(crate) fn values_of_record(
    topic: &str,
    partition: Partition,
    record: &Record,
) -> Vec<StoredValue> {
    let timestamp = record.timestamp.timestamp_millis();
    let columns = [
        ("topic", topic.as_bytes().to_vec()),
        ("partition", partition.to_string().into_bytes()),
        ("record_offset", record.offset.to_string().into_bytes()),
        ("timestamp_ms", timestamp.to_string().into_bytes()),
        ("key", record.key.to_vec()),
        ("value", record.value.to_vec()),
    ];
    let stamp = Stamp {
        column: "timestamp",
        counter: "time".to_owned(),
        number: timestamp.unsigned_abs(),
    };
    let value = |(column, bytes): (&str, Vec<u8>)| StoredValue {
        database: "event-log.db".to_owned(),
        table: "record".to_owned(),
        column: column.to_owned(),
        bytes,
        stamps: vec![stamp.clone()],
    };
    columns.into_iter().map(value).collect()
}

/// The values of each table one after the other, as a dump has them.
pub(crate) fn dumps(values: Vec<StoredValue>) -> BTreeMap<String, Vec<u8>> {
    let mut dumps: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for value in values {
        let dump = dumps.entry(format!("{}/{}", value.database, value.table));
        let dump = dump.or_default();
        dump.extend(value.bytes);
        dump.push(0);
    }
    dumps
}

/// The bytes of every file in `dir` itself, by name: databases, their write-ahead logs, journals.
pub(crate) fn files_in(dir: &Path) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_file() {
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            files.insert(name, fs::read(&path)?);
        }
    }
    Ok(files)
}
