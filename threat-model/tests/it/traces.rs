//! What is left behind: identities, and what joins a vote to its purchase (G1, T5, U3, U4).

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{NaiveDate, TimeDelta};
use messages::FundingSource;
use test_kit::stored::StoredValue;
use uuid::Uuid;

use super::world::{LOG, ORDERS, REGISTRY, VOTES, World, vote_for};

/// What knows of votes and nothing of purchases.
const VOTE_SIDE: [&str; 4] = [VOTES, REGISTRY, LOG, super::world::TALLY];

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
            .filter(|part| part.len() >= 8 && !is_day)
            .flat_map(forms)
        {
            values.insert(form, format!("{}.{}", value.table, value.column));
        }
    }
    values
}

/// The columns of the order side that have a value which the bytes of the vote side hold somewhere.
fn shared(stored: &[StoredValue], files: &BTreeMap<String, Vec<u8>>) -> BTreeSet<String> {
    let values = order_side(stored);
    let mut by_start: BTreeMap<&[u8], Vec<(&[u8], &str)>> = BTreeMap::new();
    for (value, column) in &values {
        by_start
            .entry(value.get(..8).unwrap())
            .or_default()
            .push((value, column));
    }
    let of_votes = files
        .iter()
        .filter(|(name, _)| VOTE_SIDE.iter().any(|side| name.starts_with(side)));
    let mut found = BTreeSet::new();
    for (_, bytes) in of_votes {
        for at in 0..bytes.len().saturating_sub(7) {
            let Some(candidates) = by_start.get(bytes.get(at..at + 8).unwrap()) else {
                continue;
            };
            let here = bytes.get(at..).unwrap();
            let matching = candidates
                .iter()
                .filter(|(value, _)| here.starts_with(value));
            found.extend(matching.map(|(_, column)| (*column).to_owned()));
        }
    }
    found
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

/// The columns of the order side that can be found again on the vote side.
async fn joins(world: &mut World) -> BTreeSet<String> {
    world.kit.stop().await.unwrap();
    let (stored, files) = (
        world.kit.stored().await.unwrap(),
        world.kit.files().unwrap(),
    );
    assert!(
        order_side(&stored).len() > 30,
        "there is nothing to look for"
    );
    shared(&stored, &files)
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_g1_no_value_of_a_purchase_is_on_the_vote_side() {
    let mut world = World::start().await;
    buy_and_vote(&mut world).await;

    assert_eq!(joins(&mut world).await, BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn u3_g1_control_an_order_kept_beside_a_vote_is_seen() {
    let mut world = World::start().await;
    buy_and_vote(&mut world).await;
    let mut orders = world.open(ORDERS).await;
    let id = sqlx::query_scalar::<_, Vec<u8>>("SELECT id FROM orders LIMIT 1");
    let id: Vec<u8> = id.fetch_one(&mut orders).await.unwrap();
    world
        .tamper(VOTES, "ALTER TABLE key_count ADD COLUMN note TEXT")
        .await;
    let mut votes = world.open(VOTES).await;
    let update = sqlx::query("UPDATE key_count SET note = ?").bind(hex::encode(id));
    update.execute(&mut votes).await.unwrap();

    // The first of the columns that have the id.
    assert_eq!(joins(&mut world).await.len(), 1);
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

/// Where the bytes of the files, apart from the orders' database and the custodian's, hold `needle`.
fn holding(world: &World, needle: &[u8]) -> BTreeSet<String> {
    let needles = forms(needle);
    let holds = |bytes: &[u8]| {
        needles
            .iter()
            .any(|needle| bytes.windows(needle.len()).any(|window| window == needle))
    };
    let files = world.kit.files().unwrap();
    let holding = files.iter().filter(|(name, bytes)| {
        !name.starts_with(ORDERS) && !name.starts_with("sandbox") && holds(bytes)
    });
    holding.map(|(name, _)| name.clone()).collect()
}

/// Pays from an account of a telling name; gives the transfer's id.
pub(crate) async fn pay_and_vote(world: &mut World) -> Uuid {
    let mut hand = world.hand();
    let open = world
        .drive(hand.order(FundingSource::UserWallet, 4))
        .await
        .unwrap();
    let draft = world.drive(hand.pay(&open)).await.unwrap();
    let tokens = world.drive(hand.tokens(&open)).await.unwrap();
    world
        .drive(hand.vote(&tokens, &vote_for("example.com")))
        .await
        .unwrap();
    drop(hand);
    world.live(TimeDelta::days(1)).await;
    let client::payer::Method::Uphold { id } = draft.method else {
        panic!("the hand pays by Uphold");
    };
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn t5_a_transfer_is_known_to_the_orders_database_alone() {
    let mut world = World::start().await;

    let transfer = pay_and_vote(&mut world).await;
    world.kit.stop().await.unwrap();

    assert_eq!(
        holding(&world, transfer.to_string().as_bytes()),
        BTreeSet::new()
    );
    // The account that paid is not even there: the order's database has no column for it.
    let orders: Vec<u8> = world
        .kit
        .files()
        .unwrap()
        .into_iter()
        .filter(|(name, _)| name.starts_with(ORDERS))
        .flat_map(|(_, bytes)| bytes)
        .collect();
    assert!(
        !orders
            .windows(15)
            .any(|window| window == b"account-of-hand")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn t5_control_a_transfer_beside_a_vote_is_seen() {
    let mut world = World::start().await;
    let transfer = pay_and_vote(&mut world).await;
    world
        .tamper(VOTES, "ALTER TABLE key_count ADD COLUMN note BLOB")
        .await;
    let mut votes = world.open(VOTES).await;
    let note = transfer.as_bytes().to_vec();
    sqlx::query("UPDATE key_count SET note = ?")
        .bind(note)
        .execute(&mut votes)
        .await
        .unwrap();
    drop(votes);
    world.kit.stop().await.unwrap();

    let holding = holding(&world, transfer.to_string().as_bytes());

    assert!(
        holding.iter().any(|name| name.starts_with(VOTES)),
        "{holding:?}"
    );
}

/// A request's marks: who sent it, with what, from where.
const MARKS: [(&str, &str); 4] = [
    ("user-agent", "a-browser-like-no-other/7.31"),
    ("x-request-id", "5e1ec7ed-0000-4000-8000-00000000beef"),
    ("x-forwarded-for", "198.51.100.77"),
    ("cookie", "visitor=5e1ec7ed-cookie"),
];

/// Votes and orders with marks on every request.
async fn leave_marks(world: &mut World) {
    let mut hand = world.hand();
    let tokens = world.drive(hand.buy(4)).await.unwrap();
    let body = client::browser::body_of_vote(&tokens, &vote_for("example.com"));
    let layout = world.kit.layout();
    let tls = service_kit::tls::ClientTls {
        ca_file: layout.pki().ca(),
        ..Default::default()
    };
    let client = service_kit::tls::http_client(&tls, std::time::Duration::from_secs(10)).unwrap();
    let url = layout.url(blindtally::system::ServiceName::Payments);
    let sku = layout.sku_token(FundingSource::UserWallet).unwrap();
    let order = serde_json::json!({"items": [{"sku": sku, "quantity": 4}]}).to_string();
    for (path, body) in [("v1/votes", body), ("v1/orders", order)] {
        let mut request = client.post(url.join(path).unwrap()).body(body);
        request = request.header("content-type", "application/json");
        for (name, value) in MARKS {
            request = request.header(name, value);
        }
        assert!(
            request.send().await.unwrap().status().is_success(),
            "{path}"
        );
    }
    drop(hand);
    world.live(TimeDelta::days(1)).await;
}

fn marked(world: &World) -> BTreeSet<String> {
    let files = world.kit.files().unwrap();
    let has_mark = |bytes: &[u8]| {
        MARKS.iter().any(|(_, mark)| {
            bytes
                .windows(mark.len())
                .any(|window| window == mark.as_bytes())
        })
    };
    files
        .iter()
        .filter(|(_, bytes)| has_mark(bytes))
        .map(|(name, _)| name.clone())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_nothing_of_a_requests_sender_is_stored() {
    let mut world = World::start().await;

    leave_marks(&mut world).await;
    world.kit.stop().await.unwrap();

    assert_eq!(marked(&world), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_control_a_user_agent_that_is_kept_is_seen() {
    let mut world = World::start().await;
    leave_marks(&mut world).await;
    let keep = "CREATE TABLE visits (agent TEXT); INSERT INTO visits VALUES ('a-browser-like-no-other/7.31')";
    world.tamper(VOTES, keep).await;
    world.kit.stop().await.unwrap();

    assert!(!marked(&world).is_empty());
}
