//! What every engine of the store must do, as one suite: each engine's tests run all of
//! [`for_each_case`], each on an empty store.

use chrono::NaiveDate;
use messages::{
    FundingSource, KeyId,
    avro::{Funds, FundsKey, Record as _},
    directory::Head,
    encoding::Fixed,
    money::Amount,
    publisher::Publisher,
};
use uuid::Uuid;

use super::{ClosingTerms, Effect, Place, Raw, Read, Span, Store, Taken};
use crate::domain::{
    HeadKey, Refusal, VoteBatch,
    closing::votes_to_split,
    funds::{FundsTotals, Line},
};

mod books;
mod inbox;
mod votes;

pub use books::*;
pub use inbox::*;
pub use votes::*;

/// Calls `$run!` with the names of all cases.
#[macro_export]
macro_rules! store_contract_cases {
    ($run:ident) => {
        $run! {
            a_batch_that_comes_again_has_its_effect_once
            a_closing_is_exact_and_happens_once
            a_channel_that_is_no_publisher_any_more_is_paid_like_another
            a_directory_head_must_extend_what_was_witnessed
            a_key_ends_ten_days_after_its_last_day_and_a_revoked_one_by_its_name
            a_key_that_ended_leaves_the_pool_once
            a_lease_on_a_partition_is_one_readers
            a_log_is_remembered
            a_refused_record_becomes_a_dead_letter
            a_restatement_that_could_never_be_accepted_does_not_wait
            a_restatement_waits_until_the_one_that_was_seen_is_accepted
            a_total_that_falls_is_put_aside
            a_vote_of_a_closed_month_counts_in_the_open_one
            an_event_counts_once_and_is_forgotten_in_time
            funds_that_the_ledger_cannot_hold_are_put_aside_and_reading_goes_on
            funds_are_booked_as_differences
            heads_are_signed_once_for_what_is_new
            more_votes_than_redemptions_raise_an_alarm
            of_two_readers_of_a_batch_one_counts_it
            old_events_are_forgotten_a_few_at_a_time
            no_more_votes_are_split_than_were_sold
            of_two_closings_at_once_one_happens
            pages_of_payouts_hold_each_row_once
            votes_of_a_batch_go_to_their_own_publishers_in_their_own_months
            reading_goes_on_in_another_log_once_nobody_reads
            votes_that_do_not_fit_stay_waiting
            what_a_revoked_key_signed_may_be_signed_anew_by_the_next
        }
    };
}
pub use crate::store_contract_cases as for_each_case;

const TOPIC: &str = "test.topic";

fn wallet() -> Line {
    (FundingSource::UserWallet, amount("0.25"))
}

fn amount(text: &str) -> Amount {
    text.parse().expect("is an amount")
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("is a day")
}

fn place() -> Place {
    Place {
        topic: TOPIC.to_owned(),
        partition: 0,
    }
}

fn span(from: u64, to: u64) -> Span {
    Span {
        place: place(),
        from,
        to,
    }
}

/// The record at an offset, with bytes of its own.
fn raw(offset: u64) -> Raw {
    Raw {
        offset,
        key: "key".into(),
        value: offset.to_be_bytes().to_vec().into(),
    }
}

/// The vote of an event.
struct Vote<'a> {
    event: u128,
    on: &'a str,
    channel: &'a str,
    votes: u32,
}

fn vote<'a>(event: u128, on: &'a str, channel: &'a str, votes: u32) -> Vote<'a> {
    Vote {
        event,
        on,
        channel,
        votes,
    }
}

fn batch(votes: &[Vote<'_>]) -> VoteBatch {
    let mut batch = VoteBatch::default();
    for vote in votes {
        let group = (day(vote.on), wallet());
        let event = Uuid::from_u128(vote.event);
        batch
            .add(group, vote.channel, event, vote.votes)
            .expect("is a channel");
    }
    batch
}

/// Totals up to the end of a day: received, signed and redeemed by one key.
fn funds(on: &str, received: &str, signed: i64, redeemed: i64) -> Funds {
    Funds {
        id: "id".to_owned(),
        day: on.to_owned(),
        funding_source: wallet().0.to_string(),
        base_vote_value: wallet().1,
        currency: "BAT".to_owned(),
        received_total: amount(received),
        votes_sold_total: signed,
        keys: vec![FundsKey {
            key_id: KeyId::from_bytes([7; 16]).to_string(),
            signed_total: signed,
            redeemed_total: redeemed,
            redeem_until: "2026-02-10T00:00:00Z".to_owned(),
            revoked: false,
        }],
        restatement: false,
    }
}

/// The record as it would be read, with its own bytes.
fn read_funds(offset: u64, funds: &Funds) -> Read<FundsTotals> {
    let value = funds.encode();
    let said = FundsTotals::read(&value, day("2026-12-31"));
    let raw = Raw {
        offset,
        key: "key".into(),
        value: value.into(),
    };
    Read { raw, said }
}

async fn begin(store: &dyn Store) {
    let claim = service_kit::lease::Claim::now(
        service_kit::lease::Holder::random(),
        std::time::Duration::from_secs(10),
    );
    store
        .claim(&place(), claim)
        .await
        .expect("answers")
        .expect("nobody else reads");
}

async fn count(store: &dyn Store, from: u64, votes: Vec<Vote<'_>>) -> Effect {
    let to = from + votes.len() as u64;
    let taken = store
        .count_votes(&span(from, to), &batch(&votes), &[])
        .await;
    moved(taken.expect("answers"))
}

async fn take(store: &dyn Store, from: u64, funds: &Funds, on: &str) -> Effect {
    let totals = [read_funds(from, funds)];
    let taken = store
        .take_funds(&span(from, from + 1), &totals, day(on))
        .await;
    moved(taken.expect("answers"))
}

fn moved(taken: Taken) -> Effect {
    match taken {
        Taken::Moved(effect) => effect,
        Taken::Overtaken => panic!("nobody else reads"),
    }
}

fn key() -> HeadKey {
    HeadKey::from_bytes(&[5; 32])
}

fn terms<'a>(on: &str, key: &'a HeadKey) -> ClosingTerms<'a> {
    ClosingTerms {
        today: day(on),
        fee: 500,
        rule: votes_to_split,
        key,
        head_topic: "test.heads",
    }
}

async fn close(store: &dyn Store, month: &str, on: &str) -> bool {
    let month = month.parse().expect("is a month");
    store
        .close_month(month, &terms(on, &key()))
        .await
        .expect("answers")
}

/// The balances, as `account units`, without those of nothing; and that they add up to zero.
async fn balances(store: &dyn Store) -> Vec<String> {
    let balances = store.balances().await.expect("answers");
    assert_eq!(
        balances.values().sum::<i128>(),
        0,
        "every ledger adds up to zero"
    );
    let shown = balances.iter().filter(|(_, balance)| **balance != 0);
    let one = Amount::ONE.base_units() / 1_000;
    shown
        .map(|(account, balance)| format!("{account} {}", balance / one))
        .collect()
}

/// A head of the key directory, unsigned: the store takes what was checked.
fn head(on: &str, size: u64, hash: u8) -> Head {
    Head {
        day: day(on),
        size,
        hash: Fixed([hash; 32]),
        signature: Fixed([hash; 64]),
    }
}

async fn dead_letters(store: &dyn Store) -> u64 {
    store.outbox().state().await.expect("answers").waiting
}
