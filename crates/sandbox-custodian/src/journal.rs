//! The journal: each event as a line of JSON, so that a sandbox starts again where it stopped.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom, Write as _},
    path::Path,
};

use anyhow::Context as _;

use crate::domain::Event;

/// An open journal. What was appended outlives the process, though not a power cut: sandbox money
/// is not worth an `fsync`.
#[derive(Debug)]
pub(crate) struct Journal(File);

impl Journal {
    /// Opens the journal at `path`, and gives what stands in it.
    ///
    /// A process that was killed while it wrote leaves a line without an end. Nobody was told of
    /// that event, so the line is cut off.
    pub(crate) fn open(path: &Path) -> anyhow::Result<(Self, Vec<Event>)> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .context("the journal cannot be opened")?;
        let mut events = Vec::new();
        let mut whole_bytes = 0;
        let mut reader = BufReader::new(&file);
        let mut line = String::new();
        loop {
            line.clear();
            let read_bytes = reader
                .read_line(&mut line)
                .context("the journal cannot be read")?;
            if !line.ends_with('\n') {
                break;
            }
            events.push(serde_json::from_str(&line).context("a line of the journal is no event")?);
            whole_bytes += read_bytes as u64;
        }
        file.set_len(whole_bytes)
            .context("the journal's torn end cannot be cut off")?;
        file.seek(SeekFrom::Start(whole_bytes))?;
        Ok((Self(file), events))
    }

    /// Writes an event, whole.
    pub(crate) fn append(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }
}
