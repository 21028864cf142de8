//! What a client remembers of the directory.

use messages::directory::{Directory, Head};
use serde::{Deserialize, Serialize};

use super::is_same;

/// The heads that this client was shown before. The last of them fixes every entry below it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Memory {
    heads: Vec<Head>,
}

impl Memory {
    /// Remembers a directory that was checked.
    pub fn of(directory: &Directory) -> Self {
        Self {
            heads: directory.heads.clone(),
        }
    }

    /// Whether `heads` begins with what is remembered.
    pub(super) fn is_continued_by(&self, heads: &[Head]) -> bool {
        let mut pairs = self.heads.iter().zip(heads);
        self.heads.len() <= heads.len() && pairs.all(|(known, shown)| is_same(known, shown))
    }
}
