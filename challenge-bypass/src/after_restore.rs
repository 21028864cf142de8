//! `challenge-bypass after-restore`: what an operator runs when the registry was set back (threats T7, T19).
//!
//! The registry does not know what was spent since the backup, so no key may redeem anew that was in use since. Keys that
//! were added since have lost their secrets, and stand in the directory all the same, which only grows.

use anyhow::ensure;
use messages::{
    KeyId,
    directory::{Entry, check_chain},
};

use crate::issuers::Issuers;

/// Puts back what the directory has in `published` and lacks here, and revokes every key that may have been used since the
/// backup. Answers which. Each issuer gets its next key, as after every revocation.
pub async fn after_restore(issuers: &Issuers, published: &[Entry]) -> anyhow::Result<Vec<KeyId>> {
    let store = &issuers.store;
    check_chain(published)?;
    ensure!(
        store.restore_directory(published).await?,
        "the published directory does not go on from the one in this database, or has an issuer that is not here: \
         restore a later state, and run this before challenge-bypass is started on it"
    );
    let now = issuers.clock.now();
    let mut revoked = Vec::new();
    for issuer in store.issuers().await? {
        let (_, keys) = issuers.get(&issuer.name).await?;
        for key in keys {
            let (id, window) = (key.facts.id(), &key.facts.window);
            let is_over = key.revoked || window.redeem_until < now;
            // Of a key that has not begun to sign, nobody has a token.
            let is_lost = store.key(id).await?.is_some_and(|key| key.sealed.is_none());
            if !is_over && (is_lost || window.sign_from <= now) {
                issuers.revoke(id).await?;
                revoked.push(id);
            }
        }
    }
    store.forget_deleted().await?;
    Ok(revoked)
}
