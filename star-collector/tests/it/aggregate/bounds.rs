//! What messages can cost: work, memory, and room in the database (threat T13).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use service_kit::fault::FaultPoints;
use star_collector::{
    aggregate::{
        memory::{MemoryBound, PROGRAM_BYTES},
        store::{Rejection, Slot},
        summary::Summary,
    },
    domain::decoding,
};

use super::{
    refusals::{LINUX, forged, rejected},
    scene::{EPOCH, K, Reports, Scene, reports, texts},
};

/// How many groups somebody has decoded in vain, and of how many shares.
const GROUPS: usize = 30;
const SHARES: usize = 45;

/// What decoding may cost a batch here: a few groups' worth.
const WORK: u64 = 20_000;

impl Scene {
    /// Adds so many forged shares to each group, the first of them this one, all in one batch. What the run did.
    async fn forge(&mut self, honest: &[Vec<u8>], first: usize, count: usize) -> Summary {
        let shares = first..first + count;
        let of_all = honest.iter().flat_map(|message| {
            let share = |share: usize| forged(message, share as u128 + 1);
            shares.clone().map(share)
        });
        let all: Vec<_> = of_all.collect();
        self.send(&all).await;
        self.run().await
    }

    /// What a batch of forged shares cost, and another one with one share more for each group.
    async fn cost_of_forgeries(&mut self) -> [u64; 2] {
        self.batch_messages = 2 * GROUPS * SHARES;
        let of_groups: Vec<_> = (0..GROUPS).map(texts).collect();
        let honest: Vec<_> = of_groups
            .iter()
            .map(|texts| self.message(texts.each_ref().map(String::as_str)))
            .collect();
        let first = self.forge(&honest, 0, SHARES).await;
        let second = self.forge(&honest, SHARES, 1).await;
        [first.tally.decoding, second.tally.decoding]
    }
}

/// What decoding a group of all those shares costs at most.
fn of_one_group() -> u64 {
    decoding::cost(SHARES + 1, K.try_into().unwrap())
}

#[tokio::test]
async fn forged_shares_cost_a_batch_no_more_than_it_may_and_honest_groups_open_beside_them() {
    let mut scene = Scene::planted(|rules| rules.work = |_| WORK).await;

    let cost = scene.cost_of_forgeries().await;

    // Two partitions, each with a batch.
    let bound = 2 * (WORK + of_one_group());
    for cost in cost {
        assert!((WORK..=bound).contains(&cost), "{cost}");
    }
    // Those were not the groups of this one: a forged share among its first ones is found.
    let mut honest = scene.messages(LINUX, 9);
    honest.insert(0, forged(&honest[0], 1));
    scene.send(&honest).await;
    scene.run().await;
    assert_eq!(scene.reports().await, reports([(&LINUX, 9)]));
}

#[tokio::test]
async fn t13_control_without_a_bound_on_the_work_each_share_has_its_group_decoded_again() {
    let mut scene = Scene::planted(|rules| rules.work = |_| u64::MAX).await;

    let [_, second] = scene.cost_of_forgeries().await;

    assert!(second > 2 * (WORK + of_one_group()), "{second}");
}

#[tokio::test]
async fn a_group_that_was_not_decoded_for_lack_of_work_is_when_a_message_comes_for_it() {
    let mut scene = Scene::planted(|rules| rules.work = |_| 0).await;
    let mut messages = scene.messages(LINUX, 9);
    messages.insert(0, forged(&messages[0], 1));
    scene.send(&messages).await;
    let summary = scene.run().await;
    assert_eq!((summary.tally.opened, summary.tally.decoding), (0, 0));

    scene.rules.work = |_| WORK;
    let one = scene.messages(LINUX, 1);
    scene.send(&one).await;
    scene.run().await;

    assert_eq!(scene.reports().await, reports([(&LINUX, 10)]));
}

/// Has many groups wait for one message more, and that come for all of them. How many batches were stored then.
async fn many_open_at_once(memory: MemoryBound, groups: usize) -> (usize, Reports) {
    let mut scene = Scene::start().await;
    for batch in [K as usize - 1, 1] {
        for group in 0..groups {
            let texts = texts(group);
            let messages = scene.messages(texts.each_ref().map(String::as_str), batch);
            scene.send(&messages).await;
        }
        if batch > 1 {
            scene.run().await;
        }
    }
    let stored = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&stored);
    let count = FaultPoints::planned(move |name| {
        let is_batch = usize::from(name == "star-batch-stored");
        counted.fetch_add(is_batch, Ordering::Relaxed);
        Ok(())
    });
    scene.memory = memory;
    scene.try_run(EPOCH, count).await.unwrap();
    (stored.load(Ordering::Relaxed), scene.reports().await)
}

#[tokio::test]
async fn a_batch_that_opens_more_than_there_is_room_for_is_done_in_parts_and_counts_the_same() {
    let (batches, expected) = many_open_at_once(MemoryBound(1 << 30), 120).await;
    assert_eq!((batches, expected.len()), (2, 120));

    let (parts, counted) = many_open_at_once(MemoryBound(PROGRAM_BYTES + (2 << 20)), 120).await;

    assert!(parts > 2, "{parts}");
    assert_eq!(counted, expected);
    // No room at all: message by message.
    let (parts, counted) = many_open_at_once(MemoryBound(0), 6).await;
    assert_eq!((parts, counted.len()), (6, 6));
    assert!(counted.values().all(|total| *total == u64::from(K)));
}

#[tokio::test]
async fn no_more_bytes_wait_for_one_group_than_may() {
    let mut scene = Scene::start().await;
    let honest = scene.messages(LINUX, 1);
    let bytes = honest[0].len();
    let fitting = (1 << 20) / bytes;

    let forged = scene.forge(&honest, 0, fitting + 200).await;

    let full = rejected(&forged, Rejection::Full);
    assert!((1..=250).contains(&full), "{full}");
    let pending = scene.store.pending(Slot(1)).await.unwrap();
    let waiting: u64 = pending.iter().map(|one| one.bytes).sum();
    assert!(waiting <= 1 << 20, "{waiting}");
    assert_eq!(waiting / 1_000, (1 << 20) / 1_000);
}
