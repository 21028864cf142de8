//! A channel: what is measured together, under the same rules.

use std::ops::RangeInclusive;

use super::epochs::Epochs;

/// The header of a record that says the threshold of its message, as a `u32` in little-endian (contracts §9).
pub const RECORD_THRESHOLD_HEADER: &str = "threshold";

/// What all messages of a channel have in common.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Channel {
    /// Its name, as it stands in the path of a request.
    pub name: String,
    /// The topic that its messages come in by.
    pub input_topic: String,
    /// The topic that its measurements go out by.
    pub output_topic: String,
    /// How many clients must agree before anything opens: the threshold of messages that do not say another.
    pub k: u32,
    /// The thresholds that messages may have.
    pub thresholds: RangeInclusive<u32>,
    /// How many layers a message has, the open one included.
    pub layers: usize,
    /// The largest message, decoded, in bytes.
    pub message_bytes_max: usize,
    /// Its epochs.
    pub epochs: Epochs,
    /// The member of a report that has the first day of the epoch.
    pub date_field: String,
}

impl Channel {
    /// The threshold that a message's shares must have: what its header says, else the channel's. `None`: the channel
    /// does not take messages with that one.
    pub fn threshold(&self, header: Option<u32>) -> Option<u32> {
        let threshold = header.unwrap_or(self.k);
        self.thresholds.contains(&threshold).then_some(threshold)
    }
}
