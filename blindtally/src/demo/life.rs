//! One browser's month, with its deaths.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::Context as _;
use chrono::TimeDelta;
use client::{
    Browser, Error, Settings,
    browser::Basket,
    crash::{CrashPoints, Step},
    payer::{Card, Custodian, Payer, SandboxAccount},
    wallet::{Outcome, Stage, Wallet as WalletFile},
};
use clock::{Busy, Clock};
use ed25519_dalek::SigningKey;
use messages::{
    digest::{H, uuid_v8},
    money::Amount,
    payments::VoteRequest,
    publisher::Publisher,
    vote_text::{VoteText, VoteType},
};

use super::{
    cast::{Part, Wallet},
    expected::Expected,
    progress::Progress,
};
use crate::attacks::{Account, Shop};

/// How long a browser that died stays dead: short enough that its votes do not count as missed, which
/// would get other times, some of them after the month.
const DEAD: TimeDelta = TimeDelta::minutes(4);

/// A browser of the demo, ready to live.
pub(super) struct Life {
    pub(super) part: Part,
    pub(super) settings: Settings,
    pub(super) shop: Shop,
    pub(super) folder: PathBuf,
    pub(super) clock: Clock,
    pub(super) progress: Progress,
}

impl Life {
    /// Lives from the purchase to the last vote, and says what the system must show for it.
    pub(super) async fn live(mut self, mut busy: Busy) -> anyhow::Result<Expected> {
        busy.sleep_until(self.part.begins).await;
        let payer = self.payer().await?;
        let path = self.folder.join(format!("{}.json", self.part.name));
        let path = path.as_path();
        self.settings.crash_points = self.crash_points();

        let mut planned = None;
        let mut outside = Some(busy);
        let mut crashes = 0;
        loop {
            let wallet = WalletFile::open(path).context("a browser's wallet")?;
            let mut browser = Browser::start(self.settings.clone(), wallet);
            // The browser counts as running from here on, by its own guard.
            drop(outside.take());
            match self.go_on(&mut browser, payer.as_ref(), &mut planned).await {
                Ok(()) => break,
                Err(Error::Crashed(_)) => {
                    crashes += 1;
                    let mut dead = self.clock.busy();
                    drop(browser);
                    dead.sleep(DEAD).await;
                    outside = Some(dead);
                }
                Err(error) => {
                    return Err(error).with_context(|| self.part.name.clone());
                }
            }
        }
        let mut expected = self.outcome(path, planned.unwrap_or_default())?;
        expected.turns.crashes = crashes;
        Ok(expected)
    }

    async fn go_on(
        &self,
        browser: &mut Browser,
        payer: &dyn Payer,
        planned: &mut Option<BTreeMap<Publisher, u64>>,
    ) -> Result<(), Error> {
        let source = self.part.wallet.source();
        if browser.wallet().state.purchases.is_empty() {
            browser.begin(Basket {
                source,
                sku: self.shop.sku(source).map_err(|_| Error::Order)?.to_owned(),
                quantity: self.part.quantity,
                parts: self.part.parts,
            })?;
        }
        browser.buy(0, payer).await?;
        if planned.is_none() {
            self.progress.bought(self.part.quantity);
        }
        let (interests, kind) = (&self.part.interests, VoteType::AutoContribute);
        let plan = browser.plan_votes(interests, kind).await;
        // What was grouped stays grouped, so the first plan is the one that must be counted.
        planned.get_or_insert_with(|| by_publisher(browser));
        plan?;
        // In the demo no crowd is waited for, so there is nothing to tell.
        browser.vote(interests, kind).await.map(drop)
    }

    /// Dies once after each of the part's steps, and tells the progress of votes.
    fn crash_points(&self) -> CrashPoints {
        let left = Arc::new(Mutex::new(self.part.crashes.clone()));
        let progress = self.progress.clone();
        CrashPoints::new(move |step| {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            let place = left.iter().position(|planned| *planned == step);
            if let Some(place) = place {
                left.swap_remove(place);
            } else if step == Step::VoteSent {
                progress.voted();
            }
            place.is_some()
        })
    }

    async fn payer(&self) -> anyhow::Result<Box<dyn Payer>> {
        let digest = H::new("a demo account")
            .part(self.part.name.as_bytes())
            .finish();
        let (id, key) = (uuid_v8(digest), SigningKey::from_bytes(&digest));
        let is_card = self.part.wallet == Wallet::Card;
        let funds: Amount = self
            .shop
            .price
            .times(self.part.quantity.into())
            .context("a purchase is affordable")?;
        let pending = self.part.pending;
        let account = Account {
            id: id.to_string(),
            card_key: is_card.then(|| key.verifying_key()),
            funds: BTreeMap::from([(self.shop.currency.clone(), funds)]),
            processing_seconds: u32::try_from(pending.num_seconds())?,
        };
        self.shop.open_account(&account).await?;
        let (custodian, destination) = match self.part.wallet {
            Wallet::Card => {
                return Ok(Box::new(Card {
                    payment_id: id,
                    key,
                    destination: self.shop.card_address.clone(),
                }));
            }
            Wallet::Gemini => (Custodian::Gemini, &self.shop.gemini_address),
            Wallet::Uphold => (Custodian::Uphold, &self.shop.uphold_address),
        };
        let is_pending = pending > TimeDelta::zero();
        Ok(Box::new(SandboxAccount {
            api: Arc::clone(&self.shop.custodian),
            custodian,
            account: account.id,
            destination: destination.clone(),
            arrives_at: is_pending.then(|| self.part.begins + pending),
        }))
    }

    fn outcome(&self, path: &Path, planned: BTreeMap<Publisher, u64>) -> anyhow::Result<Expected> {
        let state = WalletFile::open(path)?.state;
        let mut expected = Expected::default();
        let source = self.part.wallet.source();
        for purchase in &state.purchases {
            expected.bought(source, purchase.quantity, self.shop.price)?;
            if matches!(purchase.stage, Stage::Holding { .. } | Stage::Spent { .. }) {
                expected.issued(source, purchase.quantity.into());
            }
        }
        for vote in &state.votes {
            if vote.outcome == Some(Outcome::Counted) {
                expected.voted(source, u64::try_from(vote.tokens)?);
            }
        }
        expected.publishers = planned;
        expected.turns.pending = u64::from(self.part.pending > TimeDelta::zero());
        let splits = self.part.wallet != Wallet::Card && self.part.parts > 1;
        expected.turns.in_parts = u64::from(splits);
        Ok(expected)
    }
}

/// The tokens of a browser's votes by publisher, before the first is sent.
fn by_publisher(browser: &Browser) -> BTreeMap<Publisher, u64> {
    let mut counts = BTreeMap::new();
    for vote in &browser.wallet().state.votes {
        let request = serde_json::from_str::<VoteRequest>(&vote.body).ok();
        let text =
            request.and_then(|request| VoteText::from_base64(&request.vote, usize::MAX).ok());
        if let Some(text) = text {
            *counts.entry(text.publisher).or_default() += u64::try_from(vote.tokens).unwrap_or(0);
        }
    }
    counts
}
