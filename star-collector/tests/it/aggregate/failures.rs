//! What fails keeps up its own partition or epoch alone, and the run says so at the end.

use std::{
    collections::BTreeSet,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use service_kit::fault::{Crashed, FaultPoints};
use star_collector::{
    aggregate::{store::Slot, worker::AggregateError},
    factory::Factory,
};

use super::scene::{EPOCH, K, NUMBER, Scene, texts};

/// So many values that each partition has some.
const VALUES: usize = 12;

/// The partitions of a scene, as their rows are marked.
const FIRST: Slot = Slot(1);
const SECOND: Slot = Slot(2);

impl Scene {
    /// So many messages of each of these values, in an epoch that comes so much later.
    async fn send_each(&mut self, later: u8, values: Range<usize>, of_each: usize) {
        self.factory = Factory::new(NUMBER + later, K);
        for value in values {
            let texts = texts(value);
            let messages = self.messages(texts.each_ref().map(String::as_str), of_each);
            self.send_in(EPOCH + u64::from(later), &messages).await;
        }
    }

    /// How often these values were reported.
    async fn totals(&self, values: Range<usize>) -> Vec<u64> {
        let reports = self.reports().await;
        let total = |value| reports.get(texts(value).as_slice()).copied().unwrap_or(0);
        values.map(total).collect()
    }

    async fn epochs(&self, slot: Slot) -> Vec<u64> {
        self.store.epochs(slot).await.unwrap()
    }
}

#[tokio::test]
async fn an_epoch_that_cannot_be_closed_keeps_up_no_other_one_and_no_other_partition() {
    let mut scene = Scene::start().await;
    let (old, later, new) = (0..VALUES, VALUES..2 * VALUES, 2 * VALUES..3 * VALUES);
    scene.send_each(0, old.clone(), 6).await;
    scene.run().await;
    scene.send_each(0, old.clone(), 2).await;
    scene.send_each(1, later.clone(), 6).await;
    scene.run_in(EPOCH + 1).await;
    scene.send_each(1, later.clone(), 2).await;
    let change = "UPDATE star_label SET opened = opened + 1
        WHERE slot = 1 AND epoch = 258 AND path LIKE '%country%'";
    scene.sql(change).await;
    scene.send_each(4, new.clone(), 6).await;

    let ran = scene.try_run(EPOCH + 4, FaultPoints::default()).await;

    let said = ran.unwrap_err().to_string();
    assert!(said.contains("epoch 258 does not close"), "{said}");
    let kinds: BTreeSet<u64> = scene.totals(old).await.into_iter().collect();
    assert_eq!(kinds, [6, 8].into());
    assert_eq!(scene.totals(later).await, [8; VALUES]);
    assert_eq!(scene.totals(new).await, [6; VALUES]);
    assert_eq!(scene.epochs(FIRST).await, [EPOCH, EPOCH + 4]);
    assert_eq!(scene.epochs(SECOND).await, [EPOCH + 4]);
}

#[tokio::test]
async fn a_partition_that_cannot_be_read_keeps_up_no_other() {
    let mut scene = Scene::start().await;
    scene.send_each(0, 0..VALUES, 6).await;
    scene.run().await;
    scene
        .sql("UPDATE star_group SET secret = X'00' WHERE slot = 1 AND secret IS NOT NULL")
        .await;
    scene.send_each(0, 0..VALUES, 6).await;

    let ran = scene.try_run(EPOCH, FaultPoints::default()).await;

    let said = ran.unwrap_err().to_string();
    assert!(said.contains("never written there: a secret"), "{said}");
    let kinds: BTreeSet<u64> = scene.totals(0..VALUES).await.into_iter().collect();
    assert_eq!(kinds, [6, 12].into());
}

#[tokio::test]
async fn a_run_that_crashes_reads_no_other_partition() {
    let mut scene = Scene::start().await;
    scene.send_each(0, 0..VALUES, 6).await;
    let passed = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&passed);
    let dies = FaultPoints::planned(move |name| {
        counted.fetch_add(1, Ordering::Relaxed);
        Err(Crashed(name))
    });

    let ran = scene.try_run(EPOCH, dies).await;

    assert!(matches!(ran, Err(AggregateError::Crashed(_))), "{ran:?}");
    assert_eq!(passed.load(Ordering::Relaxed), 1);
}
