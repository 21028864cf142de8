//! Reading topics.

#![expect(missing_docs, reason = "the names are sentences")]

use std::time::Duration;

use service_kit::lease::{Claim, Holder};

use super::{
    Amount, Effect, Fixed, Head, Read, Refusal, Store, Taken, amount, balances, batch, begin,
    close, count, day, dead_letters, funds, head, moved, place, raw, span, take, vote, wallet,
};
use crate::domain::{
    RecordMark,
    head::{WITNESS_START, witness_hash},
};

pub async fn a_log_is_remembered(store: &dyn Store) {
    assert!(store.is_known_log("one").await.expect("answers"));
    assert!(store.is_known_log("one").await.expect("answers"));
    assert!(!store.is_known_log("other").await.expect("answers"));
}

pub async fn a_lease_on_a_partition_is_one_readers(store: &dyn Store) {
    let claim = || Claim::now(Holder::random(), Duration::from_secs(10));
    let (lease, position) = store
        .claim(&place(), claim())
        .await
        .expect("answers")
        .expect("is free");
    assert_eq!(position, 0);
    assert!(
        store
            .claim(&place(), claim())
            .await
            .expect("answers")
            .is_none()
    );

    let _effect = count(store, 0, vec![vote(1, "2026-01-01", "example.com", 1)]).await;
    store.release(&lease).await.expect("answers");

    let again = store.claim(&place(), claim()).await.expect("answers");
    assert_eq!(again.map(|(_, position)| position), Some(1));
}

pub async fn reading_goes_on_in_another_log_once_nobody_reads(store: &dyn Store) {
    assert!(store.is_known_log("one").await.expect("answers"));
    let claim = Claim::now(Holder::random(), Duration::from_secs(10));
    let lease = store.claim(&place(), claim).await.expect("answers");
    let (lease, _) = lease.expect("is free");
    let _effect = count(store, 0, vec![vote(1, "2026-01-01", "example.com", 4)]).await;
    let rewind = async || {
        let starts = [(place(), 7)];
        let rewound = store.rewind("two", &starts, claim.now_ms);
        rewound.await.expect("answers")
    };

    assert!(!rewind().await, "somebody reads");
    assert!(store.is_known_log("one").await.expect("answers"));
    store.release(&lease).await.expect("answers");
    assert!(rewind().await);

    assert!(store.is_known_log("two").await.expect("answers"));
    assert!(!store.is_known_log("one").await.expect("answers"));
    assert_eq!(store.position(&place()).await.expect("answers"), 7);
    let again = count(store, 7, vec![vote(1, "2026-01-01", "example.com", 4)]).await;
    assert_eq!((again.applied, again.known), (0, 1));
}

pub async fn a_batch_that_comes_again_has_its_effect_once(store: &dyn Store) {
    begin(store).await;
    let votes = batch(&[vote(1, "2026-01-01", "example.com", 4)]);

    let first = store
        .count_votes(&span(0, 1), &votes, &[])
        .await
        .expect("answers");
    let again = store
        .count_votes(&span(0, 1), &votes, &[])
        .await
        .expect("answers");

    assert_eq!(moved(first).applied, 1);
    assert_eq!(again, Taken::Overtaken);
    let months = store.months().await.expect("answers");
    let counted: u64 = months
        .iter()
        .flat_map(|month| &month.lines)
        .map(|line| line.votes)
        .sum();
    assert_eq!(counted, 4);
}

pub async fn of_two_readers_of_a_batch_one_counts_it(store: &dyn Store) {
    begin(store).await;
    let votes = batch(&[vote(1, "2026-01-01", "example.com", 4)]);
    let span = span(0, 1);

    let both = tokio::join!(
        store.count_votes(&span, &votes, &[]),
        store.count_votes(&span, &votes, &[])
    );

    let taken = [both.0.expect("answers"), both.1.expect("answers")];
    assert_eq!(
        taken
            .iter()
            .filter(|taken| **taken == Taken::Overtaken)
            .count(),
        1
    );
}

pub async fn an_event_counts_once_and_is_forgotten_in_time(store: &dyn Store) {
    begin(store).await;
    let twice = || {
        vec![
            vote(1, "2026-01-01", "example.com", 4),
            vote(1, "2026-01-01", "example.com", 4),
        ]
    };

    let first = count(store, 0, twice()).await;
    let again = count(store, 2, twice()).await;
    assert_eq!((first.applied, first.known), (1, 1));
    assert_eq!((again.applied, again.known), (0, 2));

    let january = "2026-01".parse().expect("is a month");
    let february = "2026-02".parse().expect("is a month");
    let forgotten = store.forget_events(january, 10).await;
    assert_eq!(forgotten.expect("answers"), 0);
    let forgotten = store.forget_events(february, 10).await;
    assert_eq!(forgotten.expect("answers"), 1);
}

/// Millions at once would take longer than a statement may, and nobody else could write meanwhile.
pub async fn old_events_are_forgotten_a_few_at_a_time(store: &dyn Store) {
    begin(store).await;
    let days = ["2026-01-01", "2026-01-31", "2025-12-31", "2026-02-01"];
    let votes = || (0..6).zip(days.iter().cycle());
    let votes = || votes().map(|(event, day)| vote(event, day, "example.com", 4));
    assert_eq!(count(store, 0, votes().collect()).await.applied, 6);

    let mut forgotten = Vec::new();
    for _ in 0..4 {
        let february = "2026-02".parse().expect("is a month");
        let batch = store.forget_events(february, 2).await;
        forgotten.push(batch.expect("answers"));
    }

    assert_eq!(forgotten, [2, 2, 1, 0]);
    let again = count(store, 6, votes().collect()).await;
    assert_eq!(again.known, 1, "the one of February");
}

pub async fn a_refused_record_becomes_a_dead_letter(store: &dyn Store) {
    begin(store).await;
    let votes = batch(&[vote(1, "2026-01-01", "example.com", 4)]);

    let taken = store
        .count_votes(&span(0, 2), &votes, &[(raw(0), Refusal::BadChannel)])
        .await
        .expect("answers");

    let expected = Effect {
        applied: 1,
        refused: 1,
        ..Effect::default()
    };
    assert_eq!(moved(taken), expected);
    assert_eq!(dead_letters(store).await, 1);
}

pub async fn funds_are_booked_as_differences(store: &dyn Store) {
    begin(store).await;

    let first = take(store, 0, &funds("2026-01-10", "10", 40, 0), "2026-01-11").await;
    let same_day = take(store, 1, &funds("2026-01-10", "11", 44, 0), "2026-01-11").await;
    let later = take(store, 2, &funds("2026-01-11", "12.5", 50, 0), "2026-01-12").await;

    assert_eq!((first.applied, same_day.known, later.applied), (1, 1, 1));
    assert_eq!(
        balances(store).await,
        ["funds:user-wallet -12500", "pool:user-wallet 12500"]
    );
    let entries = store.entries(0, 10).await.expect("answers");
    let amounts: Vec<Amount> = entries.iter().map(|entry| entry.transfer.amount).collect();
    assert_eq!(amounts, [amount("10"), amount("2.5")]);
}

/// A record that no healthy system writes must stop neither the topic nor a closing.
pub async fn funds_that_the_ledger_cannot_hold_are_put_aside_and_reading_goes_on(
    store: &dyn Store,
) {
    begin(store).await;
    let most = Amount::MAX.to_string();
    let of_value = |value: &str, received: &str, signed| {
        let mut funds = funds("2026-01-10", received, 40, 0);
        funds.base_vote_value = amount(value);
        for key in &mut funds.keys {
            (key.signed_total, key.redeemed_total) = (signed, signed);
        }
        funds
    };
    let first = take(store, 0, &of_value("0.5", &most, 40), "2026-01-11").await;
    let second = take(store, 1, &of_value("0.75", &most, 40), "2026-01-11").await;
    let keys = take(store, 2, &of_value(&most, "0", 2), "2026-01-11").await;
    let good = take(store, 3, &of_value("0.25", "0", 40), "2026-01-11").await;

    assert_eq!((first.applied, good.applied), (1, 1));
    for refused in [second, keys] {
        assert_eq!((refused.refused, refused.alarms), (1, 1));
    }
    let _effect = count(store, 4, vec![vote(1, "2026-01-10", "example.com", 4)]).await;
    assert!(close(store, "2026-01", "2026-02-04").await);
}

pub async fn a_total_that_falls_is_put_aside(store: &dyn Store) {
    begin(store).await;
    let _effect = take(store, 0, &funds("2026-01-10", "10", 40, 12), "2026-01-11").await;

    let received = take(store, 1, &funds("2026-01-11", "9", 40, 12), "2026-01-12").await;
    let redeemed = take(store, 2, &funds("2026-01-11", "10", 40, 11), "2026-01-12").await;
    let mut other = funds("2026-01-11", "10", 40, 12);
    "ETH".clone_into(&mut other.currency);
    let currency = take(store, 3, &other, "2026-01-12").await;

    assert_eq!((received.refused, received.alarms), (1, 1));
    assert_eq!((redeemed.refused, redeemed.alarms), (1, 1));
    assert_eq!((currency.refused, currency.alarms), (1, 0));
    assert_eq!(dead_letters(store).await, 3);
    assert_eq!(
        balances(store).await,
        ["funds:user-wallet -10000", "pool:user-wallet 10000"]
    );
}

pub async fn a_restatement_waits_until_the_one_that_was_seen_is_accepted(store: &dyn Store) {
    begin(store).await;
    let _effect = take(store, 0, &funds("2026-01-10", "10", 40, 12), "2026-01-11").await;
    let mut restated = funds("2026-01-09", "8", 32, 8);
    restated.restatement = true;

    let taken = take(store, 1, &restated, "2026-01-12").await;
    assert_eq!((taken.applied, taken.alarms), (1, 1));
    assert_eq!(
        balances(store).await,
        ["funds:user-wallet -10000", "pool:user-wallet 10000"]
    );
    assert_eq!(
        store.closing_state().await.expect("answers").restated,
        [wallet()]
    );
    let seen = only_mark(store).await;

    // Another one takes its place before the operator has decided.
    let mut other = restated.clone();
    other.received_total = amount("8000");
    let _effect = take(store, 2, &other, "2026-01-12").await;
    assert!(
        !accept(store, seen).await,
        "it is not the one that was seen"
    );
    assert!(!reject(store, seen).await);
    assert_eq!(store.restatements().await.expect("answers").len(), 1);
    assert!(reject(store, only_mark(store).await).await);
    let state = store.closing_state().await.expect("answers");
    assert!(state.restated.is_empty(), "nothing holds the month");

    let _effect = take(store, 3, &restated, "2026-01-12").await;
    assert!(accept(store, seen).await);
    assert!(!accept(store, seen).await);

    assert_eq!(
        balances(store).await,
        ["funds:user-wallet -8000", "pool:user-wallet 8000"]
    );
    let next = take(store, 4, &funds("2026-01-10", "9", 36, 8), "2026-01-14").await;
    assert_eq!(
        next.applied, 1,
        "the restated totals are what the next ones are compared with"
    );
    assert_eq!(
        balances(store).await,
        ["funds:user-wallet -9000", "pool:user-wallet 9000"]
    );
}

async fn only_mark(store: &dyn Store) -> RecordMark {
    let waiting = store.restatements().await.expect("answers");
    match waiting.as_slice() {
        [one] => one.mark,
        other => panic!("one waits, not {}", other.len()),
    }
}

async fn accept(store: &dyn Store, mark: RecordMark) -> bool {
    let accepted = store.accept_restatement(wallet(), mark, day("2026-01-13"));
    accepted.await.expect("answers")
}

async fn reject(store: &dyn Store, mark: RecordMark) -> bool {
    let rejected = store.reject_restatement(wallet(), mark);
    rejected.await.expect("answers")
}

pub async fn a_restatement_that_could_never_be_accepted_does_not_wait(store: &dyn Store) {
    begin(store).await;
    let _effect = take(store, 0, &funds("2026-01-10", "10", 40, 12), "2026-01-11").await;
    let mut currency = funds("2026-01-10", "8", 32, 8);
    currency.restatement = true;
    "ETH".clone_into(&mut currency.currency);
    let mut too_large = funds("2026-01-10", "8", i64::MAX, 8);
    too_large.restatement = true;
    too_large.base_vote_value = Amount::MAX;

    let currency = take(store, 1, &currency, "2026-01-12").await;
    let too_large = take(store, 2, &too_large, "2026-01-12").await;

    assert_eq!((currency.refused, too_large.refused), (1, 1));
    let state = store.closing_state().await.expect("answers");
    assert!(state.restated.is_empty(), "nothing holds the month");
}

pub async fn more_votes_than_redemptions_raise_an_alarm(store: &dyn Store) {
    begin(store).await;
    let votes = vec![
        vote(1, "2026-01-10", "example.com", 4),
        vote(2, "2026-01-11", "example.com", 4),
    ];
    let _effect = count(store, 0, votes).await;

    let enough = take(store, 2, &funds("2026-01-10", "10", 40, 4), "2026-01-11").await;
    let too_few = take(store, 3, &funds("2026-01-11", "10", 40, 7), "2026-01-12").await;

    assert_eq!((enough.alarms, too_few.alarms), (0, 1));
}

pub async fn a_directory_head_must_extend_what_was_witnessed(store: &dyn Store) {
    begin(store).await;
    let good = [
        head("2026-01-01", 2, 1),
        head("2026-01-02", 2, 1),
        head("2026-01-04", 3, 2),
    ];
    let bad = [
        head("2026-01-02", 2, 9),
        head("2026-01-03", 3, 2),
        head("2026-01-05", 2, 1),
        head("2026-01-05", 3, 9),
    ];
    let mut effects = Vec::new();
    let all: Vec<Head> = good
        .iter()
        .chain(&bad)
        .chain(good.first())
        .cloned()
        .collect();
    for (offset, head) in (0..).zip(all) {
        let records = [Read {
            raw: raw(offset),
            said: Ok(head),
        }];
        let taken = store.witness(&span(offset, offset + 1), &records).await;
        effects.push(moved(taken.expect("answers")));
    }

    let sum = |of: fn(&Effect) -> u64| effects.iter().map(of).sum::<u64>();
    assert_eq!(sum(|effect| effect.applied), 3);
    assert_eq!(
        (sum(|effect| effect.refused), sum(|effect| effect.alarms)),
        (4, 4)
    );
    assert_eq!(sum(|effect| effect.known), 1);
    let mut chain: Fixed<32> = WITNESS_START;
    for (kept, expected) in store
        .directory_heads()
        .await
        .expect("answers")
        .iter()
        .zip(&good)
    {
        chain = witness_hash(&chain, expected);
        assert_eq!((&kept.0, &kept.1), (expected, &chain));
    }
}
