//! Whoever holds all that the servers keep, and wants to know who cast a vote (U2, T17).
//!
//! Two kinds of attacker, both of whom know how clients draw times and sizes. One weighs, for each vote, each
//! token, and all that somebody sent for one publisher, every purchase of the same key by day of publication or
//! redemption, place in the log, size and quantity. The other believes that rows which lie at the same place of two tables, or files, belong together.
//! Each names one buyer of a vote, and a crowd of a twentieth of the key's buyers: names are few and say little
//! about an attacker who is right twice as often as chance, crowds are many.

mod places;
mod weights;

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use client::plan::Window;
use messages::{FundingSource, avro, avro::Record as _};
use service_kit::event_log::{Offset, Partition, Record};
use test_kit::database::Row;
use uuid::Uuid;

use super::{
    month::{Month, Plan},
    world::{ORDERS, REGISTRY, World},
};

/// One of so many crowds has the buyer in it, by chance.
const CROWDS: usize = 20;

/// A purchase, as payments keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Purchase {
    item: Uuid,
    source: FundingSource,
    quantity: u32,
    from: DateTime<Utc>,
}

/// A vote, as the topic has it.
#[derive(Clone, Debug)]
pub(crate) struct Published {
    event: Uuid,
    source: FundingSource,
    channel: String,
    tokens: usize,
    day: NaiveDate,
    /// Partition and offset.
    place: (Partition, Offset),
}

/// A token, as challenge-bypass keeps it.
#[derive(Clone, Debug)]
pub(crate) struct Redeemed {
    spent: Vec<u8>,
    source: FundingSource,
    day: NaiveDate,
}

/// What the attacker reads at the end.
pub(crate) struct Seen {
    purchases: Vec<Purchase>,
    published: Vec<Published>,
    redeemed: Vec<Redeemed>,
    /// The key of each source.
    keys: HashMap<FundingSource, Ends>,
}

/// Until when a key signs, and until when its tokens are taken.
#[derive(Clone, Copy, Debug)]
struct Ends {
    sign_until: DateTime<Utc>,
    redeem_until: DateTime<Utc>,
}

impl Seen {
    pub(crate) async fn read(world: &World) -> Self {
        let select =
            "SELECT k.key_id, i.funding_source, k.sign_until, k.redeem_until FROM issuer_keys k
            JOIN issuers i ON i.name = k.issuer WHERE k.signed_total > 0";
        let mut registry = world.open(REGISTRY).await;
        let mut keys = HashMap::new();
        let mut sources = HashMap::new();
        for row in registry.rows(select).await.unwrap() {
            let source: FundingSource = row.text(1).parse().unwrap();
            let time = |column| DateTime::from_timestamp(row.number(column), 0).unwrap();
            let ends = Ends {
                sign_until: time(2),
                redeem_until: time(3),
            };
            let other = keys.insert(source, ends);
            assert!(other.is_none(), "the month has one key of each source");
            sources.insert(row.bytes(0).to_vec(), source);
        }
        let spent = "SELECT spent, key_id, redeemed_on FROM redemptions";
        let spent = registry.rows(spent).await.unwrap();
        let redeemed = spent.iter().map(|row| Redeemed {
            spent: row.bytes(0).to_vec(),
            source: sources[row.bytes(1)],
            day: row.text(2).parse().unwrap(),
        });
        Self {
            purchases: purchases(world).await,
            published: published(world).await,
            redeemed: redeemed.collect(),
            keys,
        }
    }
}

async fn purchases(world: &World) -> Vec<Purchase> {
    let select = "SELECT i.id, o.funding_source, i.quantity, o.created_hour FROM orders o
        JOIN order_items i ON i.order_id = o.id WHERE o.status = 'fulfilled'";
    let mut orders = world.open(ORDERS).await;
    let rows = orders.rows(select).await.unwrap();
    let purchase = |row: &Row| Purchase {
        item: Uuid::from_slice(row.bytes(0)).unwrap(),
        source: row.text(1).parse().unwrap(),
        quantity: row.text(2).parse().unwrap(),
        from: DateTime::from_timestamp(row.number(3) * 3_600, 0).unwrap(),
    };
    rows.iter().map(purchase).collect()
}

async fn published(world: &World) -> Vec<Published> {
    let records = world.kit.stores().records("payment.vote").await.unwrap();
    let published = |(partition, record): &(Partition, Record)| {
        let event = avro::Vote::decode(&record.value).unwrap();
        Published {
            event: event.id.parse().unwrap(),
            source: event.funding_source.parse().unwrap(),
            channel: event.channel,
            tokens: usize::try_from(event.vote_tally).unwrap(),
            day: event.created_at[..10].parse().unwrap(),
            place: (*partition, record.offset),
        }
    };
    records.iter().map(published).collect()
}

/// How often an attacker was right, and how often whoever guesses by the purchases alone would be.
#[derive(Clone, Copy, Debug, Default)]
struct Linked {
    votes: f64,
    named: f64,
    named_by_guess: f64,
    in_crowd: f64,
    in_crowd_by_guess: f64,
}

impl Linked {
    /// Whether the attacker does what must not be: names buyers, or crowds of them, more than twice as often as
    /// a guess, and by more than chance gives to one of ten thousand attackers who are right just twice as often.
    fn is_linking(&self) -> bool {
        // Chernoff's bound for a Poisson variable, since few votes lie far from a bell: the chance to be right so often is
        // below exp(-deviation).
        let above = |right: f64, by_guess: f64| {
            let bound = 2.0 * by_guess;
            let deviation = right * (right / bound).ln() - right + bound;
            right > bound && deviation > 10_000_f64.ln()
        };
        above(self.named, self.named_by_guess) || above(self.in_crowd, self.in_crowd_by_guess)
    }

    /// Counts one vote whose buyer the attacker put at `rank`.
    fn count(&mut self, rank: usize, crowd: usize, guess: (f64, f64)) {
        self.count_tied(rank, 1, crowd, guess);
    }

    /// The same where the attacker cannot tell the buyer from others, `tied` with it, who all come at `rank`: it draws lots.
    fn count_tied(&mut self, rank: usize, tied: usize, crowd: usize, guess: (f64, f64)) {
        let chance = |places: usize| count(places.saturating_sub(rank).min(tied)) / count(tied);
        self.votes += 1.0;
        self.named += chance(1);
        self.in_crowd += chance(crowd);
        self.named_by_guess += guess.0;
        self.in_crowd_by_guess += guess.1;
    }
}

impl std::fmt::Display for Linked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { votes, named, .. } = self;
        write!(
            f,
            "of {votes} votes: {named:.1} named ({:.1} by guess), {:.1} in the right crowd ({:.1} by guess)",
            self.named_by_guess, self.in_crowd, self.in_crowd_by_guess
        )
    }
}

/// Who bought what: the truth, which the attacker's answers are compared with.
struct Truth {
    items: HashMap<Uuid, usize>,
    events: HashMap<Uuid, usize>,
    tokens: HashMap<Vec<u8>, usize>,
}

impl Truth {
    fn of(month: &Month) -> Self {
        let mut truth = Self {
            items: HashMap::new(),
            events: HashMap::new(),
            tokens: HashMap::new(),
        };
        for (number, buyer) in month.buyers.iter().enumerate() {
            truth.items.insert(buyer.trail.order.unwrap().1, number);
            for vote in &buyer.votes {
                truth.events.insert(vote.event, number);
                let spent = vote.spent.iter().map(|spent| (spent.to_vec(), number));
                truth.tokens.extend(spent);
            }
        }
        truth
    }
}

/// When a client votes that bought at `from`.
fn window(plan: &Plan, from: DateTime<Utc>, key: &Ends) -> (DateTime<Utc>, DateTime<Utc>) {
    let window = Window::of_purchase(from, key.sign_until, key.redeem_until, &plan.client);
    let window = window.unwrap();
    (window.from, window.until)
}

fn hours(time: TimeDelta) -> f64 {
    f64::from(i32::try_from(time.num_minutes()).unwrap()) / 60.0
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_t17_whoever_weighs_all_that_is_stored_names_no_buyer() {
    let month = Month::of_browsers().await;

    for attacker in weights::ATTACKERS {
        let linked = attacker.link(month);
        println!("{attacker:?}: {linked}");
        assert!(!linked.is_linking(), "{attacker:?}: {linked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_control_browsers_that_do_not_wait_are_named() {
    let month = Month::of_the_hasty().await;

    for attacker in weights::ATTACKERS {
        let linked = attacker.link(month);
        println!("{attacker:?}: {linked}");
        assert!(linked.is_linking(), "{attacker:?}: {linked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_control_votes_for_a_publisher_of_ones_own_name_who_does_not_wait_for_the_end_of_the_sale()
 {
    let month = Month::live(Plan::of_the_early()).await;

    let alone = weights::Attacker::EventsAndQuantities.link(&month);
    let together = weights::Attacker::PublishersAndQuantities.link(&month);

    println!("{alone}\n{together}");
    assert!(!alone.is_linking(), "{alone}");
    assert!(together.is_linking(), "{together}");
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_t17_control_purchases_of_uncommon_sizes_in_one_vote_are_named() {
    let month = Month::live(Plan::of_uncommon_sizes()).await;

    let linked = weights::Attacker::Events.link(&month);

    println!("{linked}");
    assert!(linked.is_linking(), "{linked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_no_place_in_a_table_or_file_tells_who_voted() {
    let month = Month::of_browsers().await;

    let all = places::link(month);

    assert!(all.len() > 100, "there is nothing to compare");
    for (pair, linked) in all {
        assert!(!linked.is_linking(), "{pair}: {linked}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_control_rows_in_the_order_of_arrival_are_linked() {
    let month = Month::of_the_hasty().await;

    let all = places::link(month);

    let of_arrival = all
        .iter()
        .filter(|(pair, _)| pair.matches("arrival").count() == 2);
    let linking = of_arrival.filter(|(_, linked)| linked.is_linking());
    assert!(linking.count() > 0, "{all:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn u2_control_votes_that_lie_where_they_were_written_are_linked() {
    let settled = Month::of_the_hasty().await;
    let unsettled = Month::live(Plan::of_the_unsettled()).await;

    let linking = |month| {
        let mut all = places::link(month);
        all.retain(|(pair, _)| {
            pair.contains("/arrival.") && pair.ends_with("/vote.vote_id") && !pair.contains(" by ")
        });
        println!("{all:#?}");
        assert!(!all.is_empty(), "there is nothing to compare");
        all.iter().any(|(_, linked)| linked.is_linking())
    };

    assert!(linking(&unsettled));
    assert!(!linking(settled), "it is not the places that tell");
}
