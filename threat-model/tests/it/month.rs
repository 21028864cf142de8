//! A month with many buyers, lived once, for everybody who looks at what is left of it: who links votes to
//! purchases (U2), what stands on both sides (U3), which secrets and senders were kept (T2, U4), and what
//! is erased (T5).

pub(crate) mod buyers;
pub(crate) mod line;
pub(crate) mod logs;
pub(crate) mod needles;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use blindtally::system::{Planted, ServiceName};
use challenge_bypass_ristretto::voprf::SigningKey;
use chrono::{DateTime, TimeDelta, Utc};
use client::{Profile, payer::Custodian};
use messages::FundingSource;
use test_kit::stored::StoredValue;
use tokio::{sync::OnceCell, task::JoinSet};

use super::world::{ORDERS, VOTES, World, profile};
use buyers::{Buyer, Life, Part, STEP_HOURS, Whole};
use line::{Exchange, Line};

/// How many buyers there are.
const BUYERS: usize = 1_000;

/// See [`BUYERS`].
const BUYERS_VARIABLE: &str = "BLINDTALLY_U2_BUYERS";

/// How many take part where one fault is planted: it must show by far.
const BUYERS_OF_A_CONTROL: usize = 150;

/// How somebody's tokens become votes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Habit {
    /// As the client does it: in common sizes.
    Split,
    /// All of a purchase in one vote.
    Whole,
}

/// What the month is like.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) buyers: usize,
    pub(crate) quantities: Vec<u32>,
    pub(crate) habit: Habit,
    pub(crate) client: Profile,
    /// Over how long purchases are spread.
    pub(crate) sale: TimeDelta,
    /// When somebody looks at everything that is stored, counted from the first purchase; the last look is the end.
    pub(crate) looks: Vec<TimeDelta>,
    /// Which order is planted, that the real tables do not keep.
    pub(crate) kept: Kept,
}

/// An order that is planted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kept {
    /// That of arrival on both sides, in row ids.
    Arrivals,
    /// None.
    Nothing,
    /// That of arrival on the side of purchases, in row ids; votes lie where they were written.
    Places,
}

impl Plan {
    /// Browsers as they are shipped, over one month of a key that then redeems for another one: all but the
    /// smallest crowd, since a client that waits for others is linked less, and announced keys, which
    /// are a matter of T12. See [`STEP_HOURS`].
    pub(crate) fn of_browsers() -> Self {
        let asked = std::env::var_os(BUYERS_VARIABLE);
        Self {
            buyers: asked.map_or(BUYERS, |text| text.to_str().unwrap().parse().unwrap()),
            // Small purchases are the usual ones.
            quantities: vec![4, 4, 4, 8, 8, 20],
            habit: Habit::Split,
            client: Profile {
                anonymity_set_min: 0,
                key_notice: TimeDelta::zero(),
                slot: TimeDelta::hours(STEP_HOURS),
                ..Profile::default()
            },
            sale: TimeDelta::days(28),
            // When all is sold, in the middle of the votes, and when all is over.
            looks: vec![
                TimeDelta::days(29) + TimeDelta::minutes(611),
                TimeDelta::days(44) + TimeDelta::minutes(371),
                TimeDelta::days(61),
            ],
            kept: Kept::Nothing,
        }
    }

    /// Clients that vote as soon as they have bought, and servers that keep the order in which rows arrive.
    pub(crate) fn of_the_hasty() -> Self {
        let month = Self::of_browsers();
        Self {
            buyers: BUYERS_OF_A_CONTROL,
            client: Profile {
                votes_after_sale: false,
                spread_max: TimeDelta::hours(STEP_HOURS),
                ..month.client.clone()
            },
            looks: vec![TimeDelta::days(30)],
            kept: Kept::Arrivals,
            ..month
        }
    }

    /// The same clients, and servers that write no vote anew after it came.
    pub(crate) fn of_the_unsettled() -> Self {
        Self {
            kept: Kept::Places,
            ..Self::of_the_hasty()
        }
    }

    /// Clients that spread their votes as wide, but from the purchase on, and have many for a publisher.
    pub(crate) fn of_the_early() -> Self {
        let month = Self::of_browsers();
        Self {
            // All votes of one buyer are one guess here: with fewer buyers, one month in some does not show it.
            buyers: 2 * BUYERS_OF_A_CONTROL,
            quantities: vec![80],
            client: Profile {
                votes_after_sale: false,
                ..month.client.clone()
            },
            looks: vec![TimeDelta::days(61)],
            ..month
        }
    }

    /// A shop that sells every size, and clients that spend all of it at once, at a time of their own.
    pub(crate) fn of_uncommon_sizes() -> Self {
        let month = Self::of_browsers();
        Self {
            buyers: BUYERS_OF_A_CONTROL,
            quantities: (1..=20).collect(),
            habit: Habit::Whole,
            client: Profile {
                votes_after_sale: false,
                spread_max: TimeDelta::days(14),
                ..month.client.clone()
            },
            sale: TimeDelta::days(14),
            looks: vec![TimeDelta::days(29)],
            ..month
        }
    }
}

/// What is stored at one moment.
pub(crate) struct Look {
    pub(crate) stored: Vec<StoredValue>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

/// What is left of the month, and who was who.
pub(crate) struct Month {
    pub(crate) plan: Plan,
    pub(crate) buyers: Vec<Buyer>,
    pub(crate) looks: Vec<Look>,
    pub(crate) seen: super::linking::Seen,
    pub(crate) secrets: Vec<Vec<u8>>,
    /// The keys that signed, as challenge-bypass has them in memory.
    pub(crate) signing_keys: BTreeSet<[u8; 32]>,
}

/// The keys that sign, of all months that are lived.
static SIGNING_KEYS: Mutex<BTreeSet<[u8; 32]>> = Mutex::new(BTreeSet::new());

/// Signs with the right key, and notes it for whoever looks for it later.
fn noting(key: &Arc<SigningKey>) -> Arc<SigningKey> {
    SIGNING_KEYS.lock().unwrap().insert(key.to_bytes());
    Arc::clone(key)
}

impl Month {
    /// The month of browsers as they are shipped. It is lived once for all tests.
    pub(crate) async fn of_browsers() -> &'static Self {
        static MONTH: OnceCell<Month> = OnceCell::const_new();
        MONTH
            .get_or_init(|| async { Self::live(Plan::of_browsers()).await })
            .await
    }

    /// The month of the hasty. It is lived once for all tests.
    pub(crate) async fn of_the_hasty() -> &'static Self {
        static MONTH: OnceCell<Month> = OnceCell::const_new();
        MONTH
            .get_or_init(|| async { Self::live(Plan::of_the_hasty()).await })
            .await
    }

    pub(crate) async fn live(plan: Plan) -> Self {
        logs::keep();
        let mut planted = Planted::default();
        planted.challenge_bypass.signing_key = noting;
        let mut world = World::with(settings(&plan), planted).await;
        keep(plan.kept, &world).await;
        let first = world.kit.clock().now();
        let start = hour(first) + TimeDelta::hours(1);
        let mut actors = cast(&world, &plan, start);
        let mut looks = Vec::new();
        for look in &plan.looks {
            while world.kit.clock().now() < first + *look {
                let next = world.kit.clock().now() + TimeDelta::days(1);
                world.live_until(next.min(first + *look)).await;
            }
            looks.push(Look {
                stored: world.kit.stored().await.unwrap(),
                files: world.kit.files().await.unwrap(),
            });
        }
        let mut buyers = Vec::new();
        while let Some(done) = actors.try_join_next() {
            buyers.push(done.unwrap());
        }
        assert_eq!(buyers.len(), plan.buyers, "somebody has not come to an end");
        Self {
            seen: super::linking::Seen::read(&world).await,
            secrets: super::secrets::secrets(&world),
            signing_keys: SIGNING_KEYS.lock().unwrap().clone(),
            plan,
            buyers,
            looks,
        }
    }
}

/// The services' defaults for what an attacker learns from, beside the settings that make days short.
fn settings(plan: &Plan) -> blindtally::system::Profile {
    let mut settings = profile();
    let slots = r#"["00:10", "06:10", "12:10", "18:10"]"#;
    settings
        .payments
        .set("publication.publication_slots", slots)
        .set("publication.publication_min_votes", 50)
        .set("orders.order_quantities", format!("{:?}", sizes(plan)));
    settings
}

fn sizes(plan: &Plan) -> Vec<u32> {
    let mut sizes = plan.quantities.clone();
    sizes.sort_unstable();
    sizes.dedup();
    sizes
}

fn hour(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(time.timestamp() / 3_600 * 3_600, 0).unwrap()
}

/// Has tables keep what the real ones do not.
async fn keep(kept: Kept, world: &World) {
    let (purchases, votes) = (
        (ORDERS, "credentials", "item_id"),
        (VOTES, "vote", "vote_id"),
    );
    match kept {
        Kept::Nothing => {}
        Kept::Arrivals => {
            keep_arrivals(world, purchases).await;
            keep_arrivals(world, votes).await;
        }
        Kept::Places => {
            keep_arrivals(world, purchases).await;
            let stay = world.open(VOTES).await.votes_stay();
            world.tamper(VOTES, stay).await;
        }
    }
}

/// A table that keeps the order in which the rows of another arrived.
async fn keep_arrivals(world: &World, (database, table, id): (&str, &str, &str)) {
    let serial = world.open(database).await.serial();
    let keep = format!("CREATE TABLE arrival (number {serial}, {id} BYTEA UNIQUE)");
    world.tamper(database, &keep).await;
    // Rows that are written anew do not arrive again.
    let arrives = format!("INSERT INTO arrival ({id}) VALUES (NEW.{id}) ON CONFLICT DO NOTHING");
    let change = format!("INSERT ON {table}");
    world.tamper_after_each(database, &change, &arrives).await;
}

/// Everybody who takes part, asleep until it begins.
fn cast(world: &World, plan: &Plan, start: DateTime<Utc>) -> JoinSet<Buyer> {
    let clock = world.kit.clock();
    let layout = world.kit.layout();
    let exchange = |service| Exchange::with(layout, service, clock.clone());
    let (payments, tally) = (
        exchange(ServiceName::Payments),
        exchange(ServiceName::Tally),
    );
    let custodian = exchange(ServiceName::SandboxCustodian);
    let sku = |source| layout.sku_token(source).unwrap();
    let skus = [FundingSource::UserWallet, FundingSource::AnonymousCard].map(|one| (one, sku(one)));
    let skus = BTreeMap::from(skus);
    let folder = world.kit.data().parent().unwrap().join("wallets");
    std::fs::create_dir_all(&folder).unwrap();
    let mut actors = JoinSet::new();
    for number in 0..plan.buyers {
        let mut part = Part::draw(number, &plan.quantities, (start, plan.sale));
        let busy = clock.busy();
        if plan.habit == Habit::Whole {
            part.source = FundingSource::UserWallet;
            let mut shop = world.shop();
            shop.server = Arc::new(payments.clone());
            shop.custodian = Arc::new(custodian.clone());
            let (profile, clock) = (plan.client.clone(), clock.clone());
            let whole = Whole {
                part,
                shop,
                profile,
                clock,
            };
            actors.spawn(whole.live(busy));
            continue;
        }
        let trail = Arc::new(Mutex::default());
        let profile = plan.client.clone();
        let mut settings = layout.browser(&part.name, 1, profile, clock.clone());
        let settings = settings.as_mut().unwrap();
        settings.server = Arc::new(Line {
            exchange: payments.clone(),
            trail: Arc::clone(&trail),
        });
        settings.witnesses = vec![Arc::new(tally.clone())];
        let life = Life {
            settings: settings.clone(),
            payer: payer(world, &part, &custodian),
            sku: skus[&part.source].clone(),
            wallet: folder.join(format!("{}.json", part.name)),
            trail,
            part,
        };
        actors.spawn(life.live(busy));
    }
    actors
}

fn payer(world: &World, part: &Part, custodian: &Exchange) -> Box<dyn client::payer::Payer> {
    match part.source {
        FundingSource::AnonymousCard => Box::new(world.kit.card().unwrap()),
        FundingSource::UserWallet => {
            let account = world.kit.account(&part.name, Custodian::Uphold);
            let mut account = account.unwrap();
            account.api = Arc::new(custodian.clone());
            Box::new(account)
        }
    }
}
