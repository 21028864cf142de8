//! Looking at the key directory.

use messages::{
    FundingSource, PublicKey,
    directory::{Directory, WitnessedHeads},
};

use super::{Browser, PATIENCE, read};
use crate::{
    Error,
    directory::{
        Memory, Verified,
        rules::{self, Key, Verdict},
    },
    sku::Sku,
    transport::Request,
};

impl Browser {
    /// Fetches the directory whole and judges its keys.
    pub async fn check_directory(&mut self) -> Result<Verdict, Error> {
        let directory: Directory = self.ask(&Request::get("/v1/key-directory")).await?;
        let mut witnesses = Vec::new();
        for witness in self.settings.witnesses.clone() {
            // A witness that does not answer confirms nothing, and stops nobody else from doing so.
            let request = Request::get("/v1/directory-heads");
            if let Ok(answer) = witness.send(&request).await
                && let Ok(seen) = read::<WitnessedHeads>(&answer)
            {
                witnesses.push(seen.heads);
            }
        }
        let verified = Verified::check(
            &directory,
            &self.wallet.state.directory,
            &self.settings.directory_key,
            &witnesses,
            &self.settings.profile,
        )?;
        let memory = Memory::of(&directory);
        if self.wallet.state.directory != memory {
            self.wallet.state.directory = memory;
            self.wallet.save()?;
        }
        Ok(rules::judge(&verified, &self.settings.profile))
    }

    /// Waits for a key that sells `sku` for money of `source` and may be used now. No money moves before
    /// there is one.
    pub(super) async fn selling_key(
        &mut self,
        source: FundingSource,
        sku: &Sku,
    ) -> Result<(), Error> {
        let give_up = self.now() + PATIENCE;
        while self.now() < give_up {
            let verdict = self.check_directory().await?;
            let now = self.now();
            if verdict.is_sold(source, sku, now, &self.settings.profile) {
                return Ok(());
            }
            self.busy.sleep(self.settings.profile.look_again).await;
        }
        Err(Error::Waited("a key that may be used"))
    }

    /// The directory's key for signatures under `public_key`. One that has just begun to sign may
    /// show in the directory a day later; one that is refused stays refused.
    pub(super) async fn confirmed_key(&mut self, public_key: &PublicKey) -> Result<Key, Error> {
        let give_up = self.now() + PATIENCE;
        while self.now() < give_up {
            let verdict = self.check_directory().await?;
            if let Some(key) = verdict.usable(public_key) {
                return Ok(key.clone());
            }
            let mut known = verdict.keys.iter();
            if let Some(judged) = known.find(|judged| judged.key.public_key == *public_key) {
                return Err(Error::Key(judged.refusal));
            }
            self.busy.sleep(self.settings.profile.look_again).await;
        }
        Err(Error::Key(None))
    }
}
