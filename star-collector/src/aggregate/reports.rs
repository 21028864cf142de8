//! Rows for the output topic.

use service_kit::outbox::{ROW_ID_BYTES, Row};
use sha2::{Digest as _, Sha256};

use crate::domain::{channel::Channel, group::LabelId, report};

/// The report of `total` messages with these texts, after `before` of them were reported.
///
/// Its id says all of that: a report comes once, whoever writes it.
pub(super) fn report(
    channel: &Channel,
    label: &LabelId,
    texts: &[String],
    (epoch, sampling_level): (u64, u8),
    (before, total): (u64, u64),
) -> Row {
    let day = channel.epochs.first_day(epoch);
    let mut id = Sha256::new();
    for part in [&b"report"[..], &label.0, &before.to_le_bytes()] {
        id.update(part);
    }
    let id: [u8; ROW_ID_BYTES] = id.finalize().into();
    Row {
        id,
        topic: channel.output_topic.clone(),
        key: label.0.to_vec(),
        value: report::record(
            texts.iter().map(String::as_str),
            total,
            (&channel.date_field, day),
            sampling_level,
        ),
    }
}
