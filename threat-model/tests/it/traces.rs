//! What stands on both sides and so joins a vote to its purchase (G1, U3).

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{NaiveDate, TimeDelta};
use messages::{FundingSource, avro, avro::Record as _};
use payments::domain::capability::Capabilities;
use test_kit::stored::StoredValue;
use uuid::Uuid;

use super::{
    month::{
        Month, buyers, logs,
        needles::{Needles, VALUE_BYTES_MIN},
    },
    world::{LOG, ORDERS, REGISTRY, TALLY, VOTES, World, vote_for},
};

/// What knows of votes and nothing of purchases.
const VOTE_SIDE: [&str; 4] = [VOTES, REGISTRY, LOG, TALLY];

/// Columns of the orders' database that say the same for everybody, or are published.
const PUBLIC_COLUMNS: [&str; 16] = [
    "currency",
    "custodian",
    "description",
    "funding_source",
    "key_id",
    "location",
    "price",
    "public_key",
    "sku",
    "source",
    "state",
    "status",
    "subtotal",
    "total",
    "amount",
    "value",
];

/// Tables of the orders' database whose content is published as it is.
const PUBLIC_TABLES: [&str; 9] = [
    "_sqlx_migrations",
    "directory_entry",
    "directory_head",
    "funds_day",
    "funds_totals",
    "key_day_orders",
    "lease",
    "outbox",
    "outbox_state",
];

/// The ways in which one value can be written.
pub(crate) fn forms(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![bytes.to_vec()];
    if std::str::from_utf8(bytes).is_err() {
        forms.push(hex::encode(bytes).into_bytes());
        forms.push(BASE64_STANDARD.encode(bytes).into_bytes());
    }
    if let Ok(uuid) = Uuid::from_slice(bytes) {
        forms.push(uuid.to_string().into_bytes());
    }
    if let Some(uuid) = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse::<Uuid>().ok())
    {
        forms.push(uuid.as_bytes().to_vec());
    }
    forms
}

/// Every value of eight bytes or more of the orders' database that is not public; lists of points are
/// taken apart.
fn order_side(stored: &[StoredValue]) -> BTreeMap<Vec<u8>, String> {
    let mut values = BTreeMap::new();
    let private = stored.iter().filter(|value| {
        value.database == ORDERS
            && !PUBLIC_TABLES.contains(&value.table.as_str())
            && !PUBLIC_COLUMNS.contains(&value.column.as_str())
    });
    for value in private {
        let is_day =
            std::str::from_utf8(&value.bytes).is_ok_and(|text| text.parse::<NaiveDate>().is_ok());
        let is_list = value.bytes.len() > 64 && value.bytes.len().is_multiple_of(32);
        let parts: Vec<&[u8]> = if is_list {
            value.bytes.chunks(32).collect()
        } else {
            vec![&value.bytes]
        };
        for form in parts
            .into_iter()
            .filter(|part| part.len() >= VALUE_BYTES_MIN && !is_day)
        {
            values.insert(form.to_vec(), format!("{}.{}", value.table, value.column));
        }
    }
    values
}

/// Every value of the vote side that belongs to one vote: its ids, its tokens, its publisher.
fn vote_side(stored: &[StoredValue]) -> BTreeMap<Vec<u8>, String> {
    let of_votes = [
        (VOTES, "vote", "vote_id"),
        (VOTES, "outbox", "id"),
        (REGISTRY, "redemptions", "spent"),
        (REGISTRY, "redemptions", "binding"),
        (TALLY, "counted_event", "id"),
    ];
    let mut values = BTreeMap::new();
    for value in stored {
        let StoredValue { table, column, .. } = value;
        let of_vote = of_votes.contains(&(&*value.database, &**table, &**column));
        if of_vote {
            values.insert(value.bytes.clone(), format!("{table}.{column}"));
        }
        if value.database == LOG
            && (&**table, &**column) == ("record", "value")
            && let Ok(event) = avro::Vote::decode(&value.bytes)
        {
            values.insert(event.id.into_bytes(), "the event's id".to_owned());
            values.insert(event.channel.into_bytes(), "the publisher".to_owned());
        }
    }
    values
}

/// The sides of a system that are not to meet.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Side {
    Order,
    Vote,
}

/// What is looked for: the values of both sides, by their columns.
type Columns = Needles<(Side, String)>;

fn columns(stored: &[&[StoredValue]]) -> Columns {
    let mut columns = Needles::new();
    for stored in stored {
        for (value, column) in order_side(stored) {
            columns.add_forms(&value, &(Side::Order, column));
        }
        for (value, column) in vote_side(stored) {
            columns.add_forms(&value, &(Side::Vote, column));
        }
    }
    columns
}

/// The columns of one side that have a value which a file of the other side holds somewhere.
fn joins(columns: &Columns, files: &BTreeMap<String, Vec<u8>>) -> BTreeSet<String> {
    let mut joins = BTreeSet::new();
    for (name, bytes) in files {
        let foreign = match name {
            name if name.starts_with(ORDERS) => Side::Vote,
            name if VOTE_SIDE.iter().any(|side| name.starts_with(side)) => Side::Order,
            _ => continue,
        };
        let found = columns.find(bytes).into_keys();
        joins.extend(found.filter_map(|(side, column)| (side == foreign).then_some(column)));
    }
    joins
}

/// The columns that have a value which the log holds.
fn logged(columns: &Columns) -> BTreeSet<String> {
    let log = logs::text();
    assert!(log.len() < logs::LOG_BYTES_MAX, "the log is not whole");
    let found = columns.find(&log).into_keys();
    found.map(|(_, column)| column).collect()
}

/// Three people buy, two of them by wallet and one by card, and vote; then a month goes by.
async fn buy_and_vote(world: &mut World) {
    let people = [
        ("anna", FundingSource::UserWallet, "example.com"),
        ("berta", FundingSource::AnonymousCard, "example.org"),
        ("clara", FundingSource::UserWallet, "example.net"),
    ];
    for (name, source, channel) in people {
        drop(world.kit.buy(name, source, 8).await.unwrap());
        world.live(TimeDelta::hours(3)).await;
        let mut browser = world.kit.browser(name).unwrap();
        let interests = [(channel, 1), ("github#user:somebody", 2)];
        world.kit.vote(&mut browser, &interests).await.unwrap();
    }
    world.live(TimeDelta::days(2)).await;
}

/// The columns that join the two sides of a small system that was stopped.
async fn joins_of(world: &mut World) -> BTreeSet<String> {
    world.kit.stop().await.unwrap();
    let stored = world.kit.stored().await.unwrap();
    let columns = columns(&[&stored]);
    assert!(columns.len() > 50, "there is nothing to look for");
    joins(&columns, &world.kit.files().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_g1_no_value_of_a_purchase_is_on_the_vote_side_nor_the_other_way_round() {
    let month = Month::of_browsers().await;
    let stored: Vec<&[StoredValue]> = month.looks.iter().map(|look| &*look.stored).collect();
    let columns = columns(&stored);
    // An order, an item, a transfer, and its points and signatures.
    assert!(columns.len() > month.plan.buyers * 20, "{}", columns.len());

    for look in &month.looks {
        assert_eq!(joins(&columns, &look.files), BTreeSet::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_no_value_of_a_purchase_or_vote_is_logged() {
    let month = Month::of_browsers().await;
    let stored: Vec<&[StoredValue]> = month.looks.iter().map(|look| &*look.stored).collect();
    let mut columns = columns(&stored);
    for buyer in &month.buyers {
        let capability = buyer.trail.capability.as_bytes();
        columns.add(capability, &(Side::Order, "capability".to_owned()));
        for t in buyer.votes.iter().flat_map(|vote| &vote.preimages) {
            columns.add_forms(t, &(Side::Vote, "preimage".to_owned()));
        }
    }
    for publisher in buyers::publishers() {
        let publisher = publisher.to_string().into_bytes();
        columns.add(&publisher, &(Side::Vote, "publisher".to_owned()));
    }
    assert!(!logs::text().is_empty(), "nothing is logged at all");

    assert_eq!(logged(&columns), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_g1_control_an_order_kept_beside_a_vote_is_seen() {
    let mut world = World::start().await;
    buy_and_vote(&mut world).await;
    let mut orders = world.open(ORDERS).await;
    let ids = orders.rows("SELECT id FROM orders LIMIT 1").await.unwrap();
    let note = format!(
        "ALTER TABLE key_count ADD COLUMN note TEXT; UPDATE key_count SET note = '{}'",
        hex::encode(ids[0].bytes(0))
    );
    world.tamper(VOTES, &note).await;

    // The last of the columns that have the id.
    assert_eq!(joins_of(&mut world).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_g1_control_a_publisher_kept_beside_an_order_is_seen() {
    let mut world = World::start().await;
    buy_and_vote(&mut world).await;
    let note = "CREATE TABLE note (text TEXT); INSERT INTO note VALUES ('likes example.com')";
    world.tamper(ORDERS, note).await;

    assert_eq!(
        joins_of(&mut world).await,
        BTreeSet::from(["the publisher".to_owned()])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_control_ids_that_are_logged_are_seen() {
    logs::keep();
    let mut world = World::planted(|planted| {
        planted.payments.capability = |capabilities, order, sent, may, now| {
            tracing::debug!(%order, "somebody came with a capability");
            Capabilities::check(capabilities, order, sent, may, now)
        };
        planted.payments.votes.event_id = |vote| {
            tracing::debug!(vote = hex::encode(vote.0), "somebody voted");
            payments::votes::rules::event_id(vote)
        };
    })
    .await;
    buy_and_vote(&mut world).await;
    let stored = world.kit.stored().await.unwrap();

    let logged = logged(&columns(&[&stored]));

    assert!(logged.contains("vote.vote_id"), "{logged:?}");
    assert!(
        logged.iter().any(|column| column.ends_with("order_id")),
        "{logged:?}"
    );
}

/// Whether a vote with a member that votes do not have is refused.
async fn is_note_refused(world: &mut World) -> bool {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    let body = client::browser::body_of_vote(&tokens, &vote_for("example.com"));
    let noted = body.replacen('{', "{\"note\":\"order 17\",", 1);
    let answer = world.drive(hand.send_vote(&noted)).await.unwrap();
    answer.status == http::StatusCode::BAD_REQUEST
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_a_vote_with_an_unknown_member_is_refused() {
    let mut world = World::start().await;

    assert!(is_note_refused(&mut world).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_control_unknown_members_pass_where_nobody_looks() {
    let mut world = World::planted(|planted| {
        planted.payments.votes.unknown_members_are_refused = || false;
    })
    .await;

    assert!(!is_note_refused(&mut world).await);
}
