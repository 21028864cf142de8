//! How much memory a run takes.

use std::fs;

/// What the program, its connections and the cache of its database take by themselves.
pub const PROGRAM_BYTES: usize = 128 << 20;

/// The least that can be set.
pub const MEMORY_BYTES_MIN: usize = 2 * PROGRAM_BYTES;

/// The most that a run takes, in bytes.
///
/// Of what is left beside [`PROGRAM_BYTES`], less than a half is for messages and what is known of their groups: those that go on
/// waiting are copied once, and an allocator leaves room between things.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MemoryBound(pub usize);

impl MemoryBound {
    /// What the records of a batch may take.
    pub(super) fn records(self) -> usize {
        self.parts_of_32(7)
    }

    /// What is remembered of a partition from one batch to the next.
    pub(super) fn remembered(self) -> usize {
        self.parts_of_32(5)
    }

    /// What a batch may take: its records, the messages that waited for them, and what is remembered.
    pub(super) fn batch(self) -> usize {
        self.parts_of_32(13)
    }

    fn parts_of_32(self, many: usize) -> usize {
        self.0.saturating_sub(PROGRAM_BYTES) / 32 * many
    }
}

/// About how much a message takes beside its bytes.
pub(super) const MESSAGE_BYTES: usize = 256;

/// About how much a group takes, and what a batch changes of it.
pub(super) const GROUP_BYTES: usize = 512;

/// About how much an open group takes in addition, beside its polynomial.
pub(super) const OPEN_GROUP_BYTES: usize = 1_024;

/// About how much a label takes, and what a batch changes of it, beside its texts.
pub(super) const LABEL_BYTES: usize = 512;

/// The most memory that this process ever had resident, in bytes. `None`: the system does not say.
pub fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}
