//! Writing the ledger, and answering questions.

#![expect(missing_docs, reason = "the names are sentences")]

use super::{
    Funds, FundsKey, KeyId, Publisher, Store, amount, balances, begin, close, count, day, funds,
    key, take, vote, wallet,
};
use crate::{
    domain::{HeadKey, closing::FEE_BASIS},
    store::{Payout, contract::dead_letters},
    verify::{NotVerified, verify},
};

/// Two publishers with 30 and 10 votes of January, and 10 BAT for them.
async fn january(store: &dyn Store) {
    begin(store).await;
    let votes = vec![
        vote(1, "2026-01-10", "example.com", 30),
        vote(2, "2026-01-20", "example.org", 10),
    ];
    let _effect = count(store, 0, votes).await;
    let _effect = take(store, 2, &funds("2026-01-31", "10", 40, 40), "2026-02-01").await;
}

async fn payouts(store: &dyn Store, month: &str) -> Vec<String> {
    let month = month.parse().expect("is a month");
    let payouts = store.payouts(month, None, 100).await.expect("answers");
    payouts
        .iter()
        .map(|row| format!("{} {} {}", row.channel, row.votes, row.amount))
        .collect()
}

pub async fn a_closing_is_exact_and_happens_once(store: &dyn Store) {
    january(store).await;
    assert!(
        !close(store, "2026-02", "2026-03-04").await,
        "it is not the next one"
    );

    assert!(close(store, "2026-01", "2026-02-04").await);
    assert!(!close(store, "2026-01", "2026-02-04").await);

    assert_eq!(
        payouts(store, "2026-01").await,
        ["example.com 30 7.125", "example.org 10 2.375"]
    );
    assert_eq!(
        balances(store).await,
        [
            "fees 500",
            "funds:user-wallet -10000",
            "publisher:example.com 7125",
            "publisher:example.org 2375",
        ]
    );
    let publisher = store
        .publisher(&"example.com".parse().expect("is a channel"))
        .await;
    let publisher = publisher.expect("answers").expect("has votes");
    assert_eq!(
        (publisher.balance, publisher.waiting.get(&wallet())),
        (amount("7.125"), Some(&0))
    );
    let unknown = store
        .publisher(&"example.net".parse().expect("is a channel"))
        .await;
    assert_eq!(unknown.expect("answers"), None);
    let verified = verify(store, &key().public_key(), &[])
        .await
        .expect("is as it was written");
    assert_eq!((verified.entries, verified.heads), (4, 1));
}

pub async fn of_two_closings_at_once_one_happens(store: &dyn Store) {
    january(store).await;
    let (one, other) = tokio::join!(
        close(store, "2026-01", "2026-02-04"),
        close(store, "2026-01", "2026-02-04")
    );

    assert_ne!(one, other);
    assert_eq!(payouts(store, "2026-01").await.len(), 2);
}

pub async fn votes_that_do_not_fit_stay_waiting(store: &dyn Store) {
    begin(store).await;
    let votes = vec![
        vote(1, "2026-01-10", "example.com", 30),
        vote(2, "2026-01-20", "example.org", 10),
        vote(3, "2026-02-01", "example.org", 10),
    ];
    let _effect = count(store, 0, votes).await;
    // 40 were bought, and only 12 of the votes can have been redeemed.
    let _effect = take(store, 3, &funds("2026-01-31", "10", 40, 12), "2026-02-01").await;
    assert!(close(store, "2026-01", "2026-02-04").await);
    assert_eq!(
        payouts(store, "2026-01").await,
        ["example.com 9 2.1375", "example.org 3 0.7125"]
    );

    // A month later, all of them; January's that were left count with February's.
    let _effect = take(store, 4, &funds("2026-02-28", "10", 40, 40), "2026-03-01").await;
    assert!(close(store, "2026-02", "2026-03-04").await);

    assert_eq!(
        payouts(store, "2026-02").await,
        ["example.com 15 3.5625", "example.org 13 3.0875"]
    );
    let months = store.months().await.expect("answers");
    let left: Vec<_> = months
        .iter()
        .flat_map(|month| &month.lines)
        .filter_map(|line| {
            line.closing
                .map(|closing| (closing.votes, closing.left_waiting))
        })
        .collect();
    assert_eq!(left, [(12, 28), (28, 10)]);
    verify(store, &key().public_key(), &[])
        .await
        .expect("is as it was written");
}

pub async fn no_more_votes_are_split_than_were_sold(store: &dyn Store) {
    begin(store).await;
    let _effect = count(store, 0, vec![vote(1, "2026-01-10", "example.com", 30)]).await;
    let mut inflated = funds("2026-01-31", "10", 40, 40);
    inflated.votes_sold_total = 12;
    let _effect = take(store, 1, &inflated, "2026-02-01").await;

    assert!(close(store, "2026-01", "2026-02-04").await);

    assert_eq!(payouts(store, "2026-01").await, ["example.com 12 2.85"]);
}

pub async fn a_key_that_ended_leaves_the_pool_once(store: &dyn Store) {
    january(store).await;
    let signed_more = |on: &str| funds(on, "15", 60, 40);
    let _effect = take(store, 3, &signed_more("2026-02-01"), "2026-02-02").await;
    assert!(close(store, "2026-01", "2026-02-04").await);
    assert!(
        balances(store)
            .await
            .contains(&"pool:user-wallet 5000".to_owned())
    );

    // The key redeems until 10 February: its 20 other tokens expire in February's closing.
    let _effect = take(store, 4, &signed_more("2026-02-28"), "2026-03-01").await;
    assert!(close(store, "2026-02", "2026-03-04").await);
    assert!(close(store, "2026-03", "2026-04-04").await);

    let balances = balances(store).await;
    assert!(
        balances.contains(&"expired:user-wallet 5000".to_owned()),
        "{balances:?}"
    );
    assert!(
        !balances.iter().any(|balance| balance.starts_with("pool:")),
        "{balances:?}"
    );
    verify(store, &key().public_key(), &[])
        .await
        .expect("is as it was written");
}

pub async fn a_key_ends_ten_days_after_its_last_day_and_a_revoked_one_by_its_name(
    store: &dyn Store,
) {
    january(store).await;
    let mut more = funds("2026-02-01", "20", 80, 40);
    if let Some(key) = more.keys.first_mut() {
        key.signed_total = 40;
    }
    // Two that ended ten days before the closing, of which one is revoked; and two that ended later.
    for (id, signed, until, revoked) in [
        (1, 10, "2026-01-25T00:00:00Z", false),
        (2, 4, "2026-01-25T00:00:01Z", false),
        (3, 20, "2026-01-25T00:00:00Z", true),
        (4, 6, "2026-01-26T00:00:00Z", true),
    ] {
        more.keys.push(FundsKey {
            key_id: KeyId::from_bytes([id; 16]).to_string(),
            signed_total: signed,
            redeemed_total: 0,
            redeem_until: until.to_owned(),
            revoked,
        });
    }
    let _effect = take(store, 3, &more, "2026-02-02").await;
    let revoked = |id: u8| format!("revoked:{}", KeyId::from_bytes([id; 16]));

    assert!(close(store, "2026-01", "2026-02-04").await);
    let after_january = balances(store).await;
    for expected in [
        "expired:user-wallet 2500".to_owned(),
        "pool:user-wallet 2500".to_owned(),
        format!("{} 5000", revoked(3)),
    ] {
        assert!(after_january.contains(&expected), "{after_january:?}");
    }

    assert!(close(store, "2026-02", "2026-03-04").await);
    let after_february = balances(store).await;
    for expected in [
        "expired:user-wallet 3500".to_owned(),
        format!("{} 5000", revoked(3)),
        format!("{} 1500", revoked(4)),
    ] {
        assert!(after_february.contains(&expected), "{after_february:?}");
    }
    let left = "the key of January has no rest, so nothing is left in the pool";
    assert!(
        !after_february.iter().any(|it| it.starts_with("pool:")),
        "{left}"
    );
}

/// By the list of public suffixes that this release has; what was counted is owed all the same.
pub async fn a_channel_that_is_no_publisher_any_more_is_paid_like_another(store: &dyn Store) {
    begin(store).await;
    let channel = Publisher::taken("www.example.com").expect("has the form");
    let counted = vote(1, "2026-01-10", channel.as_str(), 4);
    let _effect = count(store, 0, vec![counted]).await;
    let _effect = take(store, 1, &funds("2026-01-31", "10", 40, 40), "2026-02-01").await;

    assert!(close(store, "2026-01", "2026-02-04").await);

    assert_eq!(payouts(store, "2026-01").await, ["www.example.com 4 0.95"]);
    let owed = store.publisher(&channel).await.expect("answers");
    assert_eq!(owed.expect("has votes").balance, amount("0.95"));
    verify(store, &key().public_key(), &[])
        .await
        .expect("is as it was written");
}

/// Answers of a revoked key that nobody received: its total falls, and the next key's has them.
pub async fn what_a_revoked_key_signed_may_be_signed_anew_by_the_next(store: &dyn Store) {
    begin(store).await;
    let _effect = count(store, 0, vec![vote(1, "2026-01-10", "example.com", 12)]).await;
    let before = funds("2026-01-20", "10", 40, 12);
    let _effect = take(store, 1, &before, "2026-01-21").await;
    let mut after = funds("2026-01-31", "10", 40, 12);
    let mut next = after.keys.clone();
    for key in &mut after.keys {
        (key.signed_total, key.revoked) = (30, true);
        "2026-01-20T00:00:00Z".clone_into(&mut key.redeem_until);
    }
    for key in &mut next {
        key.key_id = KeyId::from_bytes([8; 16]).to_string();
        (key.signed_total, key.redeemed_total) = (10, 0);
    }
    after.keys.append(&mut next);

    let taken = take(store, 2, &after, "2026-02-01").await;
    assert_eq!((taken.applied, taken.refused, taken.alarms), (1, 0, 0));
    assert!(close(store, "2026-01", "2026-02-04").await);

    assert_eq!(payouts(store, "2026-01").await, ["example.com 12 2.85"]);
    let balances = balances(store).await;
    let revoked = format!("revoked:{} 4500", KeyId::from_bytes([7; 16]));
    for expected in [revoked, "pool:user-wallet 2500".to_owned()] {
        assert!(balances.contains(&expected), "{balances:?}");
    }
}

pub async fn heads_are_signed_once_for_what_is_new(store: &dyn Store) {
    january(store).await;
    let sign = async |on: &str| {
        store
            .sign_head(day(on), &key(), "test.heads")
            .await
            .expect("answers")
    };

    assert!(sign("2026-02-01").await);
    assert!(!sign("2026-02-01").await);
    assert!(sign("2026-02-02").await);
    assert_eq!(
        dead_letters(store).await,
        2,
        "a copy of each waits to be published"
    );

    let head = store.head().await.expect("answers").expect("was signed");
    assert_eq!((head.day, head.size), (day("2026-02-02"), 1));
    assert!(head.is_signed_by(&key().public_key()));
    let mut longer = head.clone();
    longer.size += 1;
    let forged = verify(store, &key().public_key(), &[longer]).await;
    assert!(matches!(forged, Err(NotVerified::Signature(_))));
    let other_key = HeadKey::from_bytes(&[6; 32]).public_key();
    let by_other_key = verify(store, &other_key, &[]).await;
    assert!(matches!(by_other_key, Err(NotVerified::Signature(_))));
}

pub async fn pages_of_payouts_hold_each_row_once(store: &dyn Store) {
    begin(store).await;
    let channel = |n: u32| format!("github#user:u{n}");
    let channels: Vec<_> = (0..25).map(channel).collect();
    let votes = (1..).zip(&channels);
    let votes = votes
        .map(|(event, channel)| vote(event, "2026-01-10", channel, 1))
        .collect();
    let _effect = count(store, 0, votes).await;
    let paid: Funds = funds("2026-01-31", "10", 40, 40);
    let _effect = take(store, 25, &paid, "2026-02-01").await;
    assert!(close(store, "2026-01", "2026-02-04").await);

    let month = "2026-01".parse().expect("is a month");
    let mut rows: Vec<Payout> = Vec::new();
    loop {
        let after = rows
            .last()
            .map(|row| (row.line.0, row.line.1, row.channel.clone()));
        let page = store.payouts(month, after, 10).await.expect("answers");
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }

    let mut channels: Vec<_> = rows.iter().map(|row| row.channel.to_string()).collect();
    assert!(channels.is_sorted());
    channels.dedup();
    assert_eq!(channels.len(), 25);
    let fee = amount("6.25").base_units() * 500 / i128::from(FEE_BASIS);
    let paid: i128 = rows.iter().map(|row| row.amount.base_units()).sum();
    assert_eq!(paid + fee, amount("6.25").base_units());
}
