//! Load on a fleet: browsers that buy and vote until they are told to stop.
//!
//! Services run on the real clock. Each browser has a calendar of its own that runs faster, so
//! that the minutes they would wait for a crowd or a transfer pass in moments.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use blindtally::system::{Layout, ServiceName, settlement};
use chrono::TimeDelta;
use client::{
    Browser, Profile,
    browser::{Basket, Interest},
    payer::{Custodian, Payer, SandboxAccount},
    transport::{Request, Transport},
    wallet::{Outcome, PreparedVote, Wallet},
};
use clock::{Clock, Simulation};
use messages::{FundingSource, money::Amount, vote_text::VoteType};
use serde_json::json;
use tokio::{sync::watch, task::JoinSet};

use crate::card;

/// How many tokens a purchase has.
pub const QUANTITY: u32 = 20;

/// What the calendar of browsers moves by in [`TICK`].
const STEP: TimeDelta = TimeDelta::seconds(2);

/// A browser that meets a closed port asks again at most so often.
const TICK: Duration = Duration::from_millis(2);

/// What all browsers together did.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// By browser: its publisher, and the tokens of votes that were accepted.
    pub accepted: Vec<(String, u64)>,
    /// Votes that were accepted.
    pub votes: u64,
    /// What was refused for good, which nothing should be.
    pub refused: Vec<Outcome>,
    /// How many purchases there were.
    pub purchases: u64,
    /// What they cost together.
    pub paid: Amount,
}

/// Browsers at work.
#[derive(Debug)]
pub struct Load {
    browsers: JoinSet<anyhow::Result<Done>>,
    calendars: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Load {
    /// Starts `count` browsers, each with a publisher of its own, with wallets in `dir`.
    pub fn start(layout: &Layout, dir: &Path, count: usize, clock: &Clock) -> Self {
        let mut calendars = JoinSet::new();
        let (stop, told) = watch::channel(false);
        let mut browsers = JoinSet::new();
        for number in 0..count {
            // Each has a calendar of its own: one that waits for an answer holds up nobody else.
            let (calendar, simulation) = Clock::simulated(clock.now());
            calendars.spawn(run(simulation));
            let user = User {
                number,
                layout: layout.clone(),
                wallet: dir.join(format!("browser-{number}.json")),
                clock: calendar,
            };
            browsers.spawn(user.live(told.clone()));
        }
        Self {
            browsers,
            calendars,
            stop,
        }
    }

    /// Lets the browsers finish what they have begun, and says what they did.
    pub async fn finish(mut self) -> anyhow::Result<Done> {
        self.stop.send_replace(true);
        let mut all = Done::default();
        while let Some(done) = self.browsers.join_next().await {
            let done = done??;
            all.accepted.extend(done.accepted);
            all.votes += done.votes;
            all.refused.extend(done.refused);
            all.purchases += done.purchases;
            all.paid = all.paid.checked_add(done.paid).unwrap_or(Amount::MAX);
        }
        self.calendars.abort_all();
        Ok(all)
    }
}

/// Moves a browser's calendar, fast and forever.
async fn run(mut simulation: Simulation) {
    loop {
        simulation.run_for(STEP).await;
        tokio::time::sleep(TICK).await;
    }
}

/// Somebody with a browser.
struct User {
    number: usize,
    layout: Layout,
    wallet: PathBuf,
    clock: Clock,
}

impl User {
    /// Buys and votes, once at least, until told to stop.
    async fn live(self, told: watch::Receiver<bool>) -> anyhow::Result<Done> {
        let profile = Profile {
            spread_max: TimeDelta::minutes(20),
            slot: TimeDelta::zero(),
            ..Profile::demo()
        };
        let name = format!("browser-{}", self.number);
        let settings = self.layout.browser(&name, 1, profile, self.clock.clone())?;
        let wallet = Wallet::open(&self.wallet)?;
        let mut browser = Browser::start(settings, wallet);
        let (source, payer) = self.payer(&name).await?;
        let channel = format!("site-{}.com", self.number);
        let interests = [Interest {
            publisher: channel.parse()?,
            attention: 1,
        }];

        loop {
            let sku = self.layout.sku_token(source)?;
            let basket = Basket {
                source,
                sku,
                quantity: QUANTITY,
                parts: 1,
            };
            let purchase = browser.begin(basket)?;
            browser.buy(purchase, payer.as_ref()).await?;
            let held = browser.vote(&interests, VoteType::AutoContribute).await?;
            anyhow::ensure!(held.is_empty(), "a browser keeps tokens");
            if *told.borrow() {
                break;
            }
        }
        Ok(done(&browser, channel))
    }

    /// A payer of one of the three kinds, with money.
    async fn payer(&self, name: &str) -> anyhow::Result<(FundingSource, Arc<dyn Payer>)> {
        let api = self.layout.transport(ServiceName::SandboxCustodian)?;
        let funds = json!({"BAT": "1000000"});
        let account = |custodian, destination: &str| SandboxAccount {
            api: Arc::clone(&api),
            custodian,
            account: name.to_owned(),
            destination: destination.to_owned(),
            arrives_at: None,
        };
        let opened = json!({"id": name, "funds": funds});
        let (source, payer, opened): (_, Arc<dyn Payer>, _) = match self.number % 3 {
            0 => {
                let payer = account(Custodian::Uphold, settlement::UPHOLD);
                (FundingSource::UserWallet, Arc::new(payer), opened)
            }
            1 => {
                let payer = account(Custodian::Gemini, settlement::GEMINI);
                (FundingSource::UserWallet, Arc::new(payer), opened)
            }
            _ => {
                let card = card::random();
                let key = card::public_key(&card);
                let opened = json!({"id": card.payment_id, "funds": funds, "publicKey": key});
                (FundingSource::AnonymousCard, Arc::new(card), opened)
            }
        };
        self.open(api.as_ref(), &opened.to_string()).await?;
        Ok((source, payer))
    }

    /// Opens the account, however often the custodian has to be asked.
    async fn open(&self, api: &dyn Transport, account: &str) -> anyhow::Result<()> {
        let request = Request::post("/sandbox/accounts", account.as_bytes().to_vec());
        loop {
            match api.send(&request).await {
                // 409: an earlier attempt opened it.
                Ok(answer) if answer.status.is_success() || answer.status.as_u16() == 409 => {
                    return Ok(());
                }
                Ok(answer) if !answer.is_temporary() => {
                    anyhow::bail!("the custodian opens no account: {}", answer.status)
                }
                Ok(_) | Err(_) => tokio::time::sleep(TICK).await,
            }
        }
    }
}

/// What a browser's wallet says it did.
fn done(browser: &Browser, channel: String) -> Done {
    let state = &browser.wallet().state;
    let is_counted = |vote: &&PreparedVote| vote.outcome == Some(Outcome::Counted);
    let counted = || state.votes.iter().filter(is_counted);
    let votes = counted().count() as u64;
    let tokens = counted().map(|vote| vote.tokens as u64).sum();
    let refused = state.votes.iter().filter_map(|vote| vote.outcome.clone());
    let purchases = state.purchases.len() as u64;
    let price = Amount::from_base_units(Amount::ONE.base_units() / 4).unwrap_or_default();
    Done {
        accepted: vec![(channel, tokens)],
        votes,
        refused: refused
            .filter(|outcome| *outcome != Outcome::Counted)
            .collect(),
        purchases,
        paid: price
            .times(purchases * u64::from(QUANTITY))
            .unwrap_or_default(),
    }
}
