//! Key-encryption keys: where they come from, and how they are changed.
//!
//! To change one: make a new file, name it as `keys.sealing_key_file` and the old one in
//! `keys.older_sealing_key_files`, restart, run `challenge-bypass rewrap`, and then take the old one
//! out of the settings and destroy it.

use rand::rngs::OsRng;
use service_kit::sealing;

use crate::{
    config::Keys,
    domain::{SealedKey, Sealer},
    store::Store,
};

/// The key-encryption keys that the settings name.
pub fn sealer(keys: &Keys) -> anyhow::Result<Sealer> {
    let (current, older) = (&keys.sealing_key_file, &keys.older_sealing_key_files);
    Ok(Sealer(sealing::Sealer::read(current, older)?))
}

/// Seals every secret anew that is sealed under an older key: all of them, or none. Says how many.
pub async fn rewrap(store: &dyn Store, sealer: &Sealer) -> anyhow::Result<u64> {
    let mut resealed = Vec::<(_, SealedKey)>::new();
    for stored in store.secrets().await? {
        let Some(stored_secret) = stored.sealed else {
            continue;
        };
        // Also those that need no change are opened: whoever runs this wants to know that they do.
        let secret = sealer.open(&stored_secret, &stored.facts)?;
        if !sealer.is_current(&stored_secret) {
            let again = sealer.seal(&secret, &stored.facts, &mut OsRng);
            resealed.push((stored.facts.id(), again));
        }
    }
    let replaced = store.reseal(&resealed).await?;
    store.forget_deleted().await?;
    Ok(replaced)
}
