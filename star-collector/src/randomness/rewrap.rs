//! Key-encryption keys: where they come from, and how they are changed.
//!
//! To change one: make a new file, name it as `keys.sealing_key_file` and the old one in `keys.older_sealing_key_files`,
//! restart every replica, run `star-collector randomness rewrap`, and then take the old one out of the settings and
//! destroy it.

use std::sync::Arc;

use messages::encoding::Fixed;
use rand::{RngCore as _, rngs::OsRng};
use service_kit::sealing::Sealer;

use super::{
    config::Keys,
    domain::{self, StateFacts, StateId, StoredState},
    store::Store,
};

/// The key-encryption keys that the settings name.
pub fn sealer(keys: &Keys) -> anyhow::Result<Arc<Sealer>> {
    let (current, older) = (&keys.sealing_key_file, &keys.older_sealing_key_files);
    Ok(Arc::new(Sealer::read(current, older)?))
}

/// A name for a state that is about to be written.
pub(super) fn new_state_id() -> StateId {
    let mut id = Fixed([0; 16]);
    OsRng.fill_bytes(&mut id.0);
    id
}

/// Seals every key anew that is sealed under an older key-encryption key. Says how many. One that a replica writes
/// meanwhile is left to it: its sealing key is the current one.
pub async fn rewrap(store: &dyn Store, sealer: &Sealer) -> anyhow::Result<u64> {
    let mut replaced = 0;
    for stored in store.states().await? {
        // Also those that need no change are opened: whoever runs this wants to know that they do.
        let key = domain::open(sealer, &stored)?;
        if domain::is_current(sealer, &stored) {
            continue;
        }
        let facts = StateFacts {
            id: new_state_id(),
            ..stored.facts.clone()
        };
        let again: StoredState = domain::seal(sealer, facts, &key, &mut OsRng);
        replaced += u64::from(store.replace(&stored.facts.id, &again).await?);
    }
    store.forget_deleted().await?;
    Ok(replaced)
}
