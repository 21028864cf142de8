//! What a run did, for people and for programs.

use std::time::Duration;

use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};
use indicatif::BinaryBytes;
use serde_json::{Map, Value, json};

use super::{
    memory::{self, MemoryBound},
    tally::Tally,
    worker::Limits,
};

/// What a run did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// How many messages went which way.
    pub tally: Tally,
    /// Epochs that were closed.
    pub epochs_closed: u64,
    /// Messages that wait for others that agree.
    pub pending: u64,
    /// Messages that were not read, since they are fewer than `limits.lag_min`.
    pub left_unread: u64,
    /// Partitions that other processes read.
    pub left_to_others: u64,
    /// The highest level that the groups of an epoch are sampled at.
    pub sampling_level: u8,
    /// Where the time went.
    pub times: Times,
}

/// Where the time of a run went.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Times {
    /// Reading the log.
    pub reading: Duration,
    /// Opening, with what is looked up for it.
    pub opening: Duration,
    /// Storing.
    pub storing: Duration,
}

impl Summary {
    /// Counts what became of messages of a channel: here, and in its metrics.
    pub(super) fn count(&mut self, tally: &Tally, channel: &str) {
        tally.publish(channel);
        self.tally.add(tally);
    }

    /// Says how many messages of a channel wait when all is read: here, and in its metrics.
    pub(super) fn leave_pending(&mut self, messages: u64, channel: &str) {
        self.pending = messages;
        let shown = u32::try_from(messages).unwrap_or(u32::MAX);
        metrics::gauge!("blindtally_star_pending_messages", "channel" => channel.to_owned())
            .set(shown);
    }
}

/// What a run says before it begins.
pub(super) fn announcement(limits: &Limits) -> String {
    let Limits {
        batch_messages,
        memory: MemoryBound(bytes),
        ..
    } = limits;
    format!(
        "at most {} of memory, and {batch_messages} messages in a batch",
        binary(*bytes)
    )
}

fn binary(bytes: usize) -> BinaryBytes {
    BinaryBytes(u64::try_from(bytes).unwrap_or(u64::MAX))
}

/// A table.
pub(super) fn table(summary: &Summary, memory: MemoryBound, took: Duration) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY);
    table.set_header(["", "messages"]);
    for (what, count) in counts(summary) {
        table.add_row([what.to_owned(), count.to_string()]);
    }
    for (reason, count) in &summary.tally.rejected {
        table.add_row([format!("rejected: {}", reason.name()), count.to_string()]);
    }
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    let times = summary.times;
    let peak = memory::peak_bytes().map_or_else(
        || "unknown".to_owned(),
        |peak| BinaryBytes(peak).to_string(),
    );
    format!(
        "{table}\nepochs closed: {}, partitions left to others: {}, sampling level: {}\nreading {}, opening {}, storing {}, in all {}; \
         peak memory {peak} of at most {}",
        summary.epochs_closed,
        summary.left_to_others,
        summary.sampling_level,
        seconds(times.reading),
        seconds(times.opening),
        seconds(times.storing),
        seconds(took),
        binary(memory.0),
    )
}

/// One line of JSON.
pub(super) fn json(summary: &Summary, memory: MemoryBound, took: Duration) -> String {
    let rejected = summary.tally.rejected.iter();
    let rejected: Map<String, Value> = rejected
        .map(|(reason, count)| (reason.name().to_owned(), (*count).into()))
        .collect();
    let mut all: Map<String, Value> = counts(summary)
        .into_iter()
        .map(|(what, count)| (what.replace(' ', "_"), count.into()))
        .collect();
    all.insert("rejected".to_owned(), rejected.into());
    all.insert("epochs_closed".to_owned(), summary.epochs_closed.into());
    all.insert("left_to_others".to_owned(), summary.left_to_others.into());
    all.insert("sampling_level".to_owned(), summary.sampling_level.into());
    let times = summary.times;
    let seconds = json!({
        "reading": times.reading.as_secs_f64(),
        "opening": times.opening.as_secs_f64(),
        "storing": times.storing.as_secs_f64(),
        "all": took.as_secs_f64(),
    });
    all.insert("seconds".to_owned(), seconds);
    all.insert(
        "decoding_multiplications".to_owned(),
        summary.tally.decoding.into(),
    );
    all.insert("peak_memory_bytes".to_owned(), memory::peak_bytes().into());
    all.insert("memory_bytes_max".to_owned(), memory.0.into());
    Value::Object(all).to_string()
}

fn counts(summary: &Summary) -> [(&'static str, u64); 9] {
    [
        ("consumed", summary.tally.consumed),
        ("left unread", summary.left_unread),
        ("pending", summary.pending),
        ("opened", summary.tally.opened),
        ("opened to the last layer", summary.tally.complete),
        ("reported in full", summary.tally.reported),
        ("reported in part", summary.tally.partial),
        (
            "below the threshold by label",
            summary.tally.below_threshold,
        ),
        ("never opened", summary.tally.never_opened),
    ]
}
