//! Changes of the directory key, which payments holds (contracts §5).

use messages::directory::{BrokenSequence, CheckedChange, Entry, KeySequence, OutOfTurn};

/// What comes of a change of the directory key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use]
pub enum KeyChanged {
    /// The new key is in force from now on.
    Now,
    /// The new key was in force already: nothing was written.
    Before,
    /// It does not go on from the changes before it: nothing was written.
    Refused(OutOfTurn),
}

/// Decides on a change after `entries`.
pub fn judge_change(
    entries: &[Entry],
    change: &CheckedChange,
) -> Result<KeyChanged, BrokenSequence> {
    let mut keys = KeySequence::of(entries)?;
    if keys.last() == Some(change.new_key()) {
        return Ok(KeyChanged::Before);
    }
    let index = entries.last().map_or(0, |last| last.index() + 1);
    Ok(match keys.change(index, change) {
        Ok(()) => KeyChanged::Now,
        Err(refused) => KeyChanged::Refused(refused),
    })
}
