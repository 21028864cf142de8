//! The pool for heavy arithmetic.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::Duration,
};

use service_kit::{
    Problem,
    crypto::{CryptoSettings, Pool, PoolError},
};

#[tokio::test]
async fn a_job_runs_on_a_thread_of_the_pool_and_gives_its_result() {
    let pool = Pool::new(1, 4).unwrap();

    let name = pool.run(|| std::thread::current().name().map(ToOwned::to_owned));

    assert_eq!(name.await, Ok(Some("crypto 0".to_owned())));
}

#[tokio::test]
async fn the_queue_holds_as_many_jobs_for_each_core_as_the_settings_say() {
    for queue_jobs_per_core in [1, 3] {
        let settings = CryptoSettings {
            queue_jobs_per_core: NonZeroUsize::new(queue_jobs_per_core).unwrap(),
        };
        let pool = Pool::for_this_machine(settings).unwrap();
        let room = pool.threads() * (1 + queue_jobs_per_core);
        let (release, blocked) = mpsc::channel::<()>();
        let blocked = Arc::new(Mutex::new(blocked));

        let mut taken = Vec::new();
        for _ in 0..room {
            let (pool, blocked) = (pool.clone(), Arc::clone(&blocked));
            taken.push(tokio::spawn(async move {
                let wait = move || blocked.lock().unwrap().recv().is_err();
                pool.run(wait).await
            }));
            // Each thread has taken its job before more of them wait.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }

        assert_eq!(pool.run(|| ()).await, Err(PoolError::Full));
        drop(release);
        for job in taken {
            assert_eq!(job.await.unwrap(), Ok(true));
        }
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_what_was_taken_is_done() {
    let pool = Pool::new(1, 2).unwrap();
    let (release, blocked) = mpsc::channel::<()>();
    let (begun, has_begun) = tokio::sync::oneshot::channel();
    let first = tokio::spawn({
        let pool = pool.clone();
        async move {
            let job = move || {
                begun.send(()).unwrap();
                blocked.recv().unwrap();
            };
            pool.run(job).await
        }
    });
    has_begun.await.unwrap();
    let waiting: Vec<_> = (0..2)
        .map(|number| {
            let pool = pool.clone();
            tokio::spawn(async move { pool.run(move || number).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;

    let refused = pool.run(|| 9).await;
    assert_eq!(refused, Err(PoolError::Full));
    assert_eq!(Problem::from(PoolError::Full).status(), 503);

    release.send(()).unwrap();
    assert_eq!(first.await.unwrap(), Ok(()));
    for (number, job) in waiting.into_iter().enumerate() {
        assert_eq!(job.await.unwrap(), Ok(number));
    }
}

#[tokio::test]
async fn a_panic_costs_its_job_and_not_the_pool() {
    let pool = Pool::new(1, 4).unwrap();

    let panicked = pool.run(|| panic!("on purpose")).await;

    assert_eq!(panicked, Err::<(), _>(PoolError::Failed));
    assert_eq!(Problem::from(PoolError::Failed).status(), 500);
    assert_eq!(pool.run(|| 7).await, Ok(7));
}

#[tokio::test]
async fn a_job_whose_caller_has_gone_is_not_begun() {
    let pool = Pool::new(1, 4).unwrap();
    let (release, blocked) = mpsc::channel::<()>();
    let runs = Arc::new(AtomicUsize::new(0));
    let held = tokio::spawn({
        let pool = pool.clone();
        async move { pool.run(move || blocked.recv().unwrap()).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let count = Arc::clone(&runs);
    let job = pool.run(move || count.fetch_add(1, SeqCst));
    let given_up = tokio::time::timeout(Duration::from_millis(50), job).await;
    assert!(given_up.is_err());

    release.send(()).unwrap();
    held.await.unwrap().unwrap();
    pool.run(|| ()).await.unwrap();

    assert_eq!(runs.load(SeqCst), 0);
}
