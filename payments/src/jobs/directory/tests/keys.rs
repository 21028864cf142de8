//! The directory key is replaced.

use messages::directory::{KeyChange, KeySequence};

use super::*;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

/// The job with the present key of a seed, and perhaps a previous one.
fn job_with(bench: &Bench, now: &str, present: u8, previous: Option<u8>) -> DirectoryJob {
    DirectoryJob {
        keys: DirectoryKeys::new(key(present), previous.map(key)),
        ..job(bench, now)
    }
}

/// A directory that the key of 9 has signed on the first of January.
async fn begun() -> Bench {
    let bench = Bench::new().await;
    *bench.keeper.entries.lock().unwrap() = entries(2);
    let first = job(&bench, "2026-01-01T14:00:00Z");
    first.run_once().await.unwrap();
    bench
}

/// A chain that changes the key of 9 to that of 8.
fn changed() -> Vec<Entry> {
    let mut all = entries(1);
    let change = KeyChange::sign(&key(9), &key(8)).check().unwrap();
    all.push(Entry::from(&change).after(all.last()));
    all
}

async fn stored_heads(bench: &Bench) -> usize {
    bench.store.directory().await.unwrap().heads.len()
}

/// That nothing was signed, and that the operator is told what to do.
async fn assert_stopped(bench: &Bench, job: &DirectoryJob, told: &str) {
    let heads = stored_heads(bench).await;
    job.run_once().await.unwrap_err();
    assert_eq!(stored_heads(bench).await, heads);
    let said = job.health.check().unwrap_err().to_string();
    assert!(said.contains(told), "{said}");
}

#[tokio::test]
async fn a_new_key_signs_from_its_entry_on_which_both_keys_signed() {
    let bench = begun().await;

    let changing = job_with(&bench, "2026-01-02T00:05:00Z", 8, Some(9));
    changing.run_once().await.unwrap();

    assert_eq!(
        heads(&changing),
        [("2026-01-01".to_owned(), 2), ("2026-01-02".to_owned(), 3)]
    );
    let published = changing.published.current();
    let Directory { entries, heads } = &published.directory;
    for pin in [9, 8] {
        let keys = KeySequence::pinned(entries, key(pin).verifying_key()).unwrap();
        assert!(heads.iter().all(|head| keys.signed(head)));
    }
    assert!(heads[0].is_signed_by(&key(9).verifying_key()));
    assert!(heads[1].is_signed_by(&key(8).verifying_key()));
    assert!(changing.health.check().is_ok());
}

#[tokio::test]
async fn a_key_is_changed_once_however_many_processes_start_with_it() {
    let bench = begun().await;

    for previous in [Some(9), Some(9), None] {
        let changed = job_with(&bench, "2026-01-02T00:05:00Z", 8, previous);
        changed.run_once().await.unwrap();
        assert!(changed.health.check().is_ok());
    }
    assert_eq!(bench.keeper.entries.lock().unwrap().len(), 3);
    let next = job_with(&bench, "2026-01-03T00:05:00Z", 7, Some(8));
    next.run_once().await.unwrap();

    let published = next.published.current();
    let Directory { entries, heads } = &published.directory;
    let keys = KeySequence::of(entries).unwrap();
    assert_eq!(keys.last(), Some(&key(7).verifying_key()));
    assert!(heads.len() == 3 && heads.iter().all(|head| keys.signed(head)));
}

#[tokio::test]
async fn a_previous_key_means_nothing_where_nothing_was_signed() {
    let bench = Bench::new().await;
    *bench.keeper.entries.lock().unwrap() = entries(2);

    let first = job_with(&bench, "2026-01-01T14:00:00Z", 8, Some(9));
    first.run_once().await.unwrap();

    assert_eq!(heads(&first), [("2026-01-01".to_owned(), 2)]);
    let head = &first.published.current().directory.heads[0];
    assert!(head.is_signed_by(&key(8).verifying_key()));
}

#[tokio::test]
async fn a_key_that_was_replaced_without_an_entry_signs_nothing() {
    let bench = begun().await;

    for previous in [None, Some(7)] {
        let replaced = job_with(&bench, "2026-01-02T00:05:00Z", 8, previous);
        assert_stopped(&bench, &replaced, "previous_directory_key_file").await;
    }
    let right = job_with(&bench, "2026-01-02T00:05:00Z", 8, Some(9));
    right.run_once().await.unwrap();
}

#[tokio::test]
async fn a_process_with_the_old_key_signs_nothing_and_goes_on_serving_what_is_new() {
    let bench = begun().await;
    let changing = job_with(&bench, "2026-01-02T00:05:00Z", 8, Some(9));
    changing.run_once().await.unwrap();

    let old = job(&bench, "2026-01-03T00:05:00Z");
    assert_stopped(&bench, &old, "neither").await;

    assert_eq!(old.published.current().directory.entries.len(), 3);
    let back = job_with(&bench, "2026-01-03T00:05:00Z", 9, Some(8));
    assert_stopped(&bench, &back, "cannot come back").await;
}

#[tokio::test]
async fn a_change_to_a_key_that_is_not_ours_or_that_clients_would_refuse_is_not_stored() {
    let foreign = KeyChange::sign(&key(6), &key(5)).check().unwrap();
    let stolen = KeyChange::sign(&key(9), &key(5)).check().unwrap();
    let mut forged = serde_json::to_value(Entry::from(&foreign)).unwrap();
    forged["signatures"]["previous"] = forged["signatures"]["new"].clone();
    let forged: Entry = serde_json::from_value(forged).unwrap();
    for (entry, told) in [
        (Entry::from(&foreign), "none is configured"),
        (Entry::from(&stolen), "not configured here"),
        (forged, "cannot be published"),
    ] {
        let bench = begun().await;
        let mut all = entries(2);
        all.push(entry.after(all.last()));
        *bench.keeper.entries.lock().unwrap() = all;

        let next_day = job(&bench, "2026-01-02T00:05:00Z");
        assert_stopped(&bench, &next_day, told).await;

        assert_eq!(bench.store.directory().await.unwrap().entries, entries(2));
        // Once challenge-bypass's database is put back, it goes on.
        *bench.keeper.entries.lock().unwrap() = entries(2);
        next_day.run_once().await.unwrap();
        assert!(next_day.health.check().is_ok());
    }
}

#[tokio::test]
async fn lost_heads_are_put_back_by_whichever_key_signed_them_in_its_time() {
    let (bench, all) = (Bench::new().await, changed());
    publish(&bench, &head_of("2026-01-01", &all[..1], 9)).await;
    publish(&bench, &head_of("2026-01-02", &all, 8)).await;
    // The key that is gone signs nothing any more.
    publish(&bench, &head_of("2026-01-03", &all, 9)).await;
    *bench.keeper.entries.lock().unwrap() = all;

    let restored = job_with(&bench, "2026-01-02T09:00:00Z", 8, None);
    restored.run_once().await.unwrap();

    assert_eq!(
        heads(&restored),
        [("2026-01-01".to_owned(), 1), ("2026-01-02".to_owned(), 2)]
    );
    assert_eq!(bench.waiting().await, 0);
}

#[tokio::test]
async fn a_key_is_changed_only_after_lost_heads_are_back() {
    let bench = Bench::new().await;
    publish(&bench, &head_of("2026-01-01", &entries(1), 9)).await;
    *bench.keeper.entries.lock().unwrap() = entries(1);

    let restored = job_with(&bench, "2026-01-02T09:00:00Z", 8, Some(9));
    restored.run_once().await.unwrap();

    assert_eq!(
        heads(&restored),
        [("2026-01-01".to_owned(), 1), ("2026-01-02".to_owned(), 2)]
    );
    let published = restored.published.current();
    let Directory { entries, heads } = &published.directory;
    let keys = KeySequence::of(entries).unwrap();
    assert!(heads.iter().all(|head| keys.signed(head)));
}

#[tokio::test]
async fn a_change_that_challenge_bypass_lost_stops_the_signing() {
    let (bench, all) = (Bench::new().await, changed());
    publish(&bench, &head_of("2026-01-01", &all[..1], 9)).await;
    publish(&bench, &head_of("2026-01-02", &all, 8)).await;
    *bench.keeper.entries.lock().unwrap() = entries(1);

    let set_back = job_with(&bench, "2026-01-03T09:00:00Z", 8, Some(9));

    assert_stopped(&bench, &set_back, "Put the latest state").await;
    assert_eq!(bench.keeper.entries.lock().unwrap().len(), 1);
}
