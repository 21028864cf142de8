//! A world: a running system on a simulated calendar, browsers that use it, and all that it stored.

use std::{collections::BTreeMap, future::Future, path::Path, pin::pin, sync::Arc, time::Duration};

use anyhow::Context as _;
use blindtally::system::{Engines, Layout, Planted, Profile, ServiceName, System, settlement};
use chrono::{DateTime, TimeDelta, Utc};
use client::{
    Browser,
    browser::{Basket, Interest},
    payer::{Custodian, Payer, SandboxAccount},
    plan::Attention,
    transport::{Answer, Request, Transport},
    wallet::Wallet,
};
use clock::{Clock, Simulation};
use messages::{FundingSource, money::Amount, vote_text::VoteType};
use sandbox_custodian::{
    Sandbox,
    domain::{AccountRequest, Address, Currency},
};
use tempfile::TempDir;
use tokio::time::timeout;

use crate::{card, engines, stored::StoredValue, stores::Stores};

/// Every world begins here.
pub const START: &str = "2026-01-01T00:00:00Z";

/// The services' first jobs (issuers, the first head of the directory) are done after so long.
const SETTLED_AFTER: TimeDelta = TimeDelta::minutes(10);

/// A world lives in steps of this length, while something is done in it.
const STEP: TimeDelta = TimeDelta::minutes(10);

/// Browsers of a world send their votes within so long, so that tests need not live through weeks.
const VOTES_WITHIN: TimeDelta = TimeDelta::hours(6);

/// Time that stands still for so long will not go on.
const STUCK_AFTER: Duration = Duration::from_mins(1);

/// More than any test buys for.
const FUNDS: u32 = 1_000_000;

/// A running system, and who uses it.
#[derive(Debug)]
pub struct World {
    system: Option<System>,
    /// What it runs on; `None` is files.
    engines: Option<Engines>,
    profile: Profile,
    planted: Planted,
    clock: Clock,
    simulation: Simulation,
    dir: TempDir,
}

/// The demo's settings, and jobs that run seldom, so that days go by quickly.
pub fn profile() -> Profile {
    let mut profile = Profile::demo();
    profile
        .payments
        .set("publication.publication_slots", r#"["06:10", "18:10"]"#)
        .set("publication.figures_interval_minutes", 240)
        .set("directory.directory_poll_minutes", 360);
    profile.tally.set("event_log.poll_seconds", 14_400);
    profile
}

impl World {
    /// A system with the demo's settings, ready to sell.
    pub async fn start() -> anyhow::Result<Self> {
        Self::with(Profile::demo(), Planted::default()).await
    }

    /// A system with other settings, or with faults planted in its rules.
    pub async fn with(profile: Profile, planted: Planted) -> anyhow::Result<Self> {
        let engines = engines::of_a_new_world().await?;
        Box::pin(Self::begin(engines, profile, planted)).await
    }

    /// A system with the demo's settings on these engines.
    pub async fn on(engines: Engines) -> anyhow::Result<Self> {
        Box::pin(Self::begin(
            Some(engines),
            Profile::demo(),
            Planted::default(),
        ))
        .await
    }

    async fn begin(
        engines: Option<Engines>,
        profile: Profile,
        planted: Planted,
    ) -> anyhow::Result<Self> {
        let start: DateTime<Utc> = START.parse().context("the start is a time")?;
        let (clock, simulation) = Clock::simulated(start);
        let dir = tempfile::tempdir()?;
        let mut world = Self {
            system: None,
            engines,
            profile,
            planted,
            clock,
            simulation,
            dir,
        };
        world.start_system().await?;
        world.run_for(SETTLED_AFTER).await;
        Ok(world)
    }

    /// The system.
    pub fn system(&self) -> &System {
        self.system
            .as_ref()
            .expect("a world has its system, unless it is being restarted")
    }

    /// The system, to stop and start its services.
    pub fn system_mut(&mut self) -> &mut System {
        self.system
            .as_mut()
            .expect("a world has its system, unless it is being restarted")
    }

    /// Where everything is.
    pub fn layout(&self) -> &Layout {
        self.system().layout()
    }

    /// The real engines that it runs on, if it does.
    pub fn engines(&self) -> Option<&Engines> {
        self.engines.as_ref()
    }

    /// The calendar.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The sandbox custodian.
    pub fn sandbox(&self) -> &Sandbox {
        self.system().sandbox()
    }

    /// The folder of the system.
    pub fn data(&self) -> &Path {
        self.layout().dir()
    }

    /// Stops the system, and starts it again on what it stored.
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        self.stop().await?;
        self.start_system().await
    }

    /// Stops the system. Its files stay until the world ends, for whoever looks at them.
    pub async fn stop(&mut self) -> anyhow::Result<()> {
        match self.system.take() {
            Some(system) => system.stop().await,
            None => Ok(()),
        }
    }

    /// Starts a stopped system, with its settings and its planted faults.
    pub async fn start_system(&mut self) -> anyhow::Result<()> {
        let (profile, planted) = (self.profile.clone(), self.planted.clone());
        let profile = match &self.engines {
            Some(engines) => engines.serve(profile)?,
            None => profile,
        };
        let dir = self.dir.path().join("data");
        let started = System::start_planted(&dir, profile, self.clock.clone(), planted).await;
        self.system = Some(started?);
        Ok(())
    }

    /// Replaces the settings and the planted faults; they hold from the next start on.
    pub fn plant(&mut self, profile: Profile, planted: Planted) {
        (self.profile, self.planted) = (profile, planted);
    }

    /// Lets time pass. Nobody may be busy meanwhile: drop browsers first, or use [`Self::live`].
    pub async fn run_for(&mut self, time: TimeDelta) {
        self.run_until(self.clock.now() + time).await;
    }

    /// Lets time pass until `end`. See [`Self::run_for`].
    ///
    /// # Panics
    ///
    /// If time stands still for a minute, with the places in the source that hold it up.
    pub async fn run_until(&mut self, end: DateTime<Utc>) {
        let mut seen = self.clock.now();
        while timeout(STUCK_AFTER, self.simulation.run_until(end))
            .await
            .is_err()
        {
            let now = self.clock.now();
            assert!(
                now > seen,
                "time stands still at {now}, held by {:?}",
                self.simulation.held_by()
            );
            seen = now;
        }
    }

    /// Does something that sleeps on the calendar, letting time pass until it is done.
    ///
    /// Time stands still while a browser works and while a request is answered. What is neither
    /// is better awaited outside, or days go by.
    pub async fn live<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                output = &mut work => return output,
                () = self.simulation.run_for(STEP) => {}
            }
        }
    }

    /// A request to a service, over a connection of its own.
    pub async fn send(&self, service: ServiceName, request: &Request) -> anyhow::Result<Answer> {
        Ok(self.layout().transport(service)?.send(request).await?)
    }

    /// A transport to payments.
    pub fn payments(&self) -> anyhow::Result<Arc<dyn Transport>> {
        self.layout().transport(ServiceName::Payments)
    }

    /// A browser with a wallet of its own. The same name finds the same wallet.
    pub fn browser(&self, name: &str) -> anyhow::Result<Browser> {
        let wallet = Wallet::open(self.dir.path().join(format!("{name}.json")))?;
        let profile = client::Profile {
            spread_max: VOTES_WITHIN,
            ..client::Profile::demo()
        };
        let settings = self
            .layout()
            .browser(name, 1, profile, self.clock.clone())?;
        Ok(Browser::start(settings, wallet))
    }

    /// Somebody with money at Uphold or Gemini.
    pub fn account(&self, name: &str, custodian: Custodian) -> anyhow::Result<SandboxAccount> {
        let account = AccountRequest {
            id: Address::try_from(name.to_owned())?,
            public_key: None,
            funds: [(bat()?, funds()?)].into(),
            processing_seconds: 0,
        };
        self.sandbox().open_account(account)?;
        let destination = match custodian {
            Custodian::Gemini => settlement::GEMINI,
            Custodian::Uphold => settlement::UPHOLD,
        };
        Ok(SandboxAccount {
            api: self.layout().transport(ServiceName::SandboxCustodian)?,
            custodian,
            account: name.to_owned(),
            destination: destination.to_owned(),
            arrives_at: None,
        })
    }

    /// An anonymous card with money on it.
    pub fn card(&self) -> anyhow::Result<client::payer::Card> {
        let card = card::random();
        self.sandbox().open_account(AccountRequest {
            id: Address::try_from(card.payment_id.to_string())?,
            public_key: Some(card::public_key(&card)),
            funds: [(bat()?, funds()?)].into(),
            processing_seconds: 0,
        })?;
        Ok(card)
    }

    /// Buys `quantity` tokens for a new browser, which then holds them.
    pub async fn buy(
        &mut self,
        name: &str,
        source: FundingSource,
        quantity: u32,
    ) -> anyhow::Result<Browser> {
        let payer: Box<dyn Payer> = match source {
            FundingSource::AnonymousCard => Box::new(self.card()?),
            FundingSource::UserWallet => Box::new(self.account(name, Custodian::Uphold)?),
        };
        self.buy_with(name, source, quantity, &*payer).await
    }

    /// Buys `quantity` tokens, which `payer` pays.
    pub async fn buy_with(
        &mut self,
        name: &str,
        source: FundingSource,
        quantity: u32,
        payer: &dyn Payer,
    ) -> anyhow::Result<Browser> {
        let mut browser = self.browser(name)?;
        let sku = self.layout().sku_token(source)?;
        let purchase = browser.begin(Basket {
            source,
            sku,
            quantity,
            parts: 1,
        })?;
        self.live(browser.buy(purchase, payer)).await?;
        Ok(browser)
    }

    /// Votes with all tokens that the browser holds, and waits until every vote is settled.
    pub async fn vote(
        &mut self,
        browser: &mut Browser,
        interests: &[(&str, Attention)],
    ) -> anyhow::Result<()> {
        let interests = interests.iter().map(|(channel, attention)| {
            Ok(Interest {
                publisher: channel.parse()?,
                attention: *attention,
            })
        });
        let interests: Vec<Interest> = interests.collect::<anyhow::Result<_>>()?;
        let held = self.live(browser.vote(&interests, VoteType::AutoContribute));
        anyhow::ensure!(held.await?.is_empty(), "the browser keeps tokens");
        Ok(())
    }

    /// Where it keeps what it stores.
    pub fn stores(&self) -> Stores {
        Stores::of(&self.dir.path().join("data"), self.engines.as_ref())
    }

    /// Every value in every database and topic. Best of a stopped system.
    pub async fn stored(&self) -> anyhow::Result<Vec<StoredValue>> {
        self.stores().values().await
    }

    /// The bytes of every file of the system but keys and certificates, or of what it has instead of files.
    pub async fn files(&self) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
        self.stores().files().await
    }
}

fn bat() -> anyhow::Result<Currency> {
    Ok(Currency::try_from("BAT".to_owned())?)
}

fn funds() -> anyhow::Result<Amount> {
    Amount::ONE
        .times(FUNDS.into())
        .context("the funds are an amount")
}
