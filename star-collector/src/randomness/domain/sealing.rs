//! Keys at rest: each state of a key is sealed under a data key of its own, and that under the key in the key file.
//!
//! A puncture writes the key anew, under a new data key, and the old sealed data key is deleted with the old state: 80
//! bytes, without which the old state is noise even to whoever has the key file. What stands beside a state is sealed in,
//! so that nobody who can write to the database passes a key off as another instance's, or as punctured less far or
//! further than it is (threats T14 and T15).

use messages::{digest::H, encoding::Fixed};
use rand::{CryptoRng, RngCore};
use service_kit::sealing::{self, Sealed, Sealer, SealingKey, SealingKeyId};
use zeroize::Zeroizing;

use super::{EpochKey, InstanceName, NotAKey, Position, Punctured};

/// Names a state of a key: random, and new whenever the state is written anew.
pub type StateId = Fixed<16>;

/// What is known about a state without opening it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StateFacts {
    /// Whose key it is.
    pub instance: InstanceName,
    /// The text of the schedule that its position is of.
    pub schedule: String,
    /// Names this state and no other.
    pub id: StateId,
    /// Everything before is punctured.
    pub position: Position,
}

/// A state as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredState {
    /// What stands beside it.
    pub facts: StateFacts,
    /// The data key, sealed under the key-encryption key.
    pub data_key: Vec<u8>,
    /// The key with its punctures, sealed under the data key.
    pub state: Vec<u8>,
}

impl StoredState {
    /// The bytes of a sealed data key.
    pub const DATA_KEY_BYTES: usize = 32 + Sealed::OVERHEAD_BYTES;
}

/// Why a stored state does not open.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// What was sealed is no key.
    #[error(transparent)]
    NotAKey(#[from] NotAKey),
    /// It is punctured otherwise than stands beside it.
    #[error("the key is punctured otherwise than stands beside it")]
    Punctured(#[from] Punctured),
    /// It was altered, or is sealed under a key-encryption key that is not configured.
    #[error(transparent)]
    Sealed(#[from] sealing::OpenError),
}

/// Seals a key under a new data key, and that under the current key-encryption key.
pub fn seal(
    sealer: &Sealer,
    facts: StateFacts,
    key: &EpochKey,
    rng: &mut (impl RngCore + CryptoRng),
) -> StoredState {
    let mut bytes = Zeroizing::new([0; 32]);
    rng.fill_bytes(bytes.as_mut_slice());
    let data_key = sealer.seal(&*bytes, |id| of_data_key(id, &facts), rng);
    let key_bytes = key.to_bytes();
    let state = under(&*bytes).map(|own| own.seal(&key_bytes, |id| of_state(id, &facts), rng));
    StoredState {
        data_key: data_key.to_bytes(),
        state: state
            .expect("32 random bytes are not all the same")
            .to_bytes(),
        facts,
    }
}

/// Opens a stored state, if nothing beside it was altered.
pub fn open(sealer: &Sealer, stored: &StoredState) -> Result<EpochKey, OpenError> {
    let facts = &stored.facts;
    let altered = sealing::OpenError::Altered;
    let data_key = data_key(sealer, stored)?;
    let state = Sealed::from_bytes(&stored.state).ok_or(altered)?;
    let own = under(&data_key).ok_or(altered)?;
    let bytes = own.open(&state, |id| of_state(id, facts))?;
    Ok(EpochKey::from_bytes(&bytes)?)
}

/// Whether a state's data key is sealed under the current key-encryption key.
pub fn is_current(sealer: &Sealer, stored: &StoredState) -> bool {
    let data_key = Sealed::from_bytes(&stored.data_key);
    data_key.is_some_and(|data_key| data_key.sealing_key == sealer.current())
}

fn data_key(
    sealer: &Sealer,
    stored: &StoredState,
) -> Result<Zeroizing<Vec<u8>>, sealing::OpenError> {
    let data_key = Sealed::from_bytes(&stored.data_key).ok_or(sealing::OpenError::Altered)?;
    sealer.open(&data_key, |id| of_data_key(id, &stored.facts))
}

/// What seals under a data key.
fn under(data_key: &[u8]) -> Option<Sealer> {
    let key = SealingKey::new(data_key).ok()?;
    Some(Sealer::new(key, Vec::new()))
}

fn of_data_key(key: SealingKeyId, facts: &StateFacts) -> [u8; 32] {
    beside("bt/star-data-key/1", key, facts)
}

fn of_state(key: SealingKeyId, facts: &StateFacts) -> [u8; 32] {
    beside("bt/star-key-state/1", key, facts)
}

fn beside(tag: &str, key: SealingKeyId, facts: &StateFacts) -> [u8; 32] {
    H::new(tag)
        .part(&key.0)
        .part(facts.instance.as_str().as_bytes())
        .part(facts.schedule.as_bytes())
        .part(facts.id.as_bytes())
        .part(&facts.position.0.to_be_bytes())
        .finish()
}

#[cfg(test)]
mod tests;
