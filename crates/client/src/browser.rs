//! A browser: its wallet, its servers, and the steps from an order to the last vote.
//!
//! Every step begins with what is in the wallet and ends with a save, so a browser that is started
//! again on its wallet goes on where it was: [`Browser::buy`] and [`Browser::vote`] may be called
//! after any crash.

mod buying;
mod keys;
mod planning;
mod voting;

use std::{collections::BTreeSet, fmt, sync::Arc};

use chrono::{DateTime, Utc};
use clock::{Busy, Clock};
use ed25519_dalek::VerifyingKey;
use serde::de::DeserializeOwned;

use crate::{
    Error, Profile,
    anonymity::Readiness,
    crash::CrashPoints,
    patience::{self, PATIENCE, PAUSE_MIN, read},
    payer::Payer,
    transport::{Answer, Request, Transport},
    wallet::Wallet,
};

pub use buying::Basket;
pub use planning::{Held, Interest, body_of_vote};

/// What a browser is told when it starts.
#[derive(Clone)]
pub struct Settings {
    /// Its name: with the seed, what its choices are drawn from.
    pub name: String,
    /// The seed of its choices. A browser of a real person draws it at random.
    pub seed: u64,
    /// The numbers it goes by.
    pub profile: Profile,
    /// payments.
    pub server: Arc<dyn Transport>,
    /// Who else saw the directory's heads.
    pub witnesses: Vec<Arc<dyn Transport>>,
    /// The pinned key of the directory: any one that it ever had.
    pub directory_key: VerifyingKey,
    /// The calendar.
    pub clock: Clock,
    /// Where it dies, for tests.
    pub crash_points: CrashPoints,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("name", &self.name)
            .field("profile", &self.profile)
            .finish_non_exhaustive()
    }
}

/// A browser at work.
pub struct Browser {
    settings: Settings,
    wallet: Wallet,
    busy: Busy,
    /// What the user was told of purchases that are held.
    told: BTreeSet<(usize, Readiness)>,
}

/// Shows the settings, never the wallet.
impl fmt::Debug for Browser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Browser")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Browser {
    /// Starts a browser on a wallet.
    pub fn start(settings: Settings, wallet: Wallet) -> Self {
        let busy = settings.clock.busy();
        Self {
            settings,
            wallet,
            busy,
            told: BTreeSet::new(),
        }
    }

    /// What it remembers.
    pub fn wallet(&self) -> &Wallet {
        &self.wallet
    }

    /// Sleeps on the calendar.
    pub async fn sleep_until(&mut self, time: DateTime<Utc>) {
        self.busy.sleep_until(time).await;
    }

    fn now(&self) -> DateTime<Utc> {
        self.settings.clock.now()
    }

    /// Sends a request until it is answered, the same bytes each time.
    async fn answer(&mut self, request: &Request) -> Result<Answer, Error> {
        let (server, clock) = (&self.settings.server, &self.settings.clock);
        patience::answer(server.as_ref(), request, clock, &mut self.busy).await
    }

    /// Sends a request until it is answered with success, and reads the answer.
    async fn ask<T: DeserializeOwned>(&mut self, request: &Request) -> Result<T, Error> {
        let answer = self.answer(request).await?;
        read(&answer)
    }
}

/// The payer of a purchase, as the steps see it.
type PayerRef<'a> = &'a dyn Payer;

#[cfg(test)]
mod tests;
