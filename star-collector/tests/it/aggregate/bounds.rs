//! What messages can cost: work, memory, and room in the database (threat T13).

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use service_kit::fault::FaultPoints;
use star_collector::{
    aggregate::{
        memory::{MemoryBound, PROGRAM_BYTES},
        store::{Rejection, Slot},
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

/// What decoding a group of so many shares costs at most.
fn cost(shares: usize) -> u64 {
    decoding::cost(shares, K.try_into().unwrap())
}

impl Scene {
    /// A message of each of so many groups.
    fn one_of_each(&mut self) -> Vec<Vec<u8>> {
        let message = |group| self.message(texts(group).each_ref().map(String::as_str));
        (0..GROUPS).map(message).collect()
    }

    /// A scene in which so many forged shares wait in each group, all of which were decoded in vain once.
    async fn with_forged_groups(work: u64) -> (Self, Vec<Vec<u8>>) {
        let mut scene = Self::planted(|rules| rules.work = work).await;
        scene.batch_messages = 2 * GROUPS * SHARES;
        let honest = scene.one_of_each();
        scene.send(&forgeries(&honest, 0..SHARES)).await;
        let summary = scene.run().await;
        let once = u64::try_from(GROUPS).unwrap() * cost(SHARES);
        assert_eq!((summary.tally.opened, summary.tally.decoding), (0, once));
        (scene, honest)
    }
}

/// So many forged shares of each of these groups.
fn forgeries(honest: &[Vec<u8>], shares: Range<usize>) -> Vec<Vec<u8>> {
    let of_group = |message: &Vec<u8>| {
        let share = |share: usize| forged(message, share as u128 + 1);
        shares.clone().map(share).collect::<Vec<_>>()
    };
    honest.iter().flat_map(of_group).collect()
}

#[tokio::test]
async fn groups_that_failed_cost_a_batch_no_more_than_it_may_and_honest_groups_open_beside_them() {
    let work = 3 * cost(SHARES + 1);
    let (mut scene, honest) = Scene::with_forged_groups(work).await;
    let mut batch = forgeries(&honest, SHARES..SHARES + 1);
    // New groups with a forged share among their first ones, in the same batch.
    let mut expected = Reports::new();
    for value in 100..110 {
        let texts = texts(value);
        let messages = scene.messages(texts.each_ref().map(String::as_str), 9);
        batch.push(forged(&messages[0], 1));
        batch.extend(messages);
        expected.insert(texts.to_vec(), 9);
    }
    scene.send(&batch).await;

    let summary = scene.run().await;

    assert_eq!(scene.reports().await, expected);
    // Two partitions, each with a batch.
    let bound = 2 * (work + cost(SHARES + 1)) + 10 * cost(10);
    let spent = summary.tally.decoding;
    assert!((work..=bound).contains(&spent), "{spent}");
}

#[tokio::test]
async fn t13_control_without_a_bound_on_the_work_each_share_has_its_group_decoded_again() {
    let (scene, honest) = Scene::with_forged_groups(u64::MAX).await;

    scene.send(&forgeries(&honest, SHARES..SHARES + 1)).await;
    let summary = scene.run().await;

    let all = u64::try_from(GROUPS).unwrap() * cost(SHARES + 1);
    assert_eq!(summary.tally.decoding, all);
}

#[tokio::test]
async fn a_group_that_failed_opens_when_it_has_grown_though_others_have_used_up_the_work() {
    let mut scene = Scene::planted(|rules| rules.work = 0).await;
    let honest = scene.messages(LINUX, 5);
    // No five neighbours are honest.
    let mixed: Vec<_> = honest
        .iter()
        .enumerate()
        .flat_map(|(i, message)| [message.clone(), forged(&honest[0], i as u128 + 1)])
        .take(8)
        .chain([honest[4].clone()])
        .collect();
    scene.send(&mixed).await;
    assert_eq!(scene.run().await.tally.opened, 0);

    let more = scene.messages(LINUX, 6);
    scene.send(&more).await;
    scene.run().await;

    assert_eq!(scene.reports().await, reports([(&LINUX, 11)]));
}

#[tokio::test]
async fn what_comes_again_has_no_group_decoded_again() {
    let (scene, honest) = Scene::with_forged_groups(u64::MAX).await;

    scene.send(&forgeries(&honest, 0..SHARES)).await;
    let summary = scene.run().await;

    let again = u64::try_from(GROUPS * SHARES).unwrap();
    assert_eq!(rejected(&summary, Rejection::Duplicate), again);
    assert_eq!(summary.tally.decoding, 0);
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

    scene.send(&forgeries(&honest, 0..fitting + 200)).await;
    scene.batch_messages = fitting + 200;
    let summary = scene.run().await;

    let full = rejected(&summary, Rejection::Full);
    assert!((1..=250).contains(&full), "{full}");
    let pending = scene.store.pending(Slot(1)).await.unwrap();
    let waiting: u64 = pending.iter().map(|one| one.bytes).sum();
    assert!(waiting <= 1 << 20, "{waiting}");
    assert_eq!(waiting / 1_000, (1 << 20) / 1_000);
}
