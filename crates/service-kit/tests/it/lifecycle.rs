//! Starting, being ready, stopping.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use service_kit::{Service, Shutdown, service::Readiness};

use crate::world::World;

#[tokio::test]
async fn the_admin_listener_answers_the_machines_that_run_the_service() {
    let world = World::start().await;
    world.get("/items/7").await;

    assert_eq!(world.admin("/livez").await.0, 200);
    assert_eq!(world.admin("/readyz").await.0, 200);
    let (status, metrics) = world.admin("/metrics").await;
    assert_eq!(status, 200);
    assert!(
        metrics.is_empty() || metrics.contains("blindtally_"),
        "{metrics}"
    );
    assert_eq!(world.get("/metrics").await.status(), 404, "not on the API");
}

#[tokio::test]
async fn metrics_do_not_move_with_a_request() {
    let world = World::start().await;
    let before = world.admin("/metrics").await.1;
    for _ in 0..5 {
        world.get("/items/7").await;
    }

    assert_eq!(world.admin("/metrics").await.1, before);
}

/// The page of a service is made anew each minute: here, by starting another one of the same name.
#[tokio::test]
async fn what_counts_requests_does_not_even_move_with_the_minute() {
    let counts = |page: &str| -> Vec<String> {
        let names = ["blindtally_requests_total", "blindtally_failures_total"];
        let starts = names.map(|name| format!(r#"{name}{{service="small"}}"#));
        let mut counts: Vec<String> = page
            .lines()
            .filter(|line| starts.iter().any(|start| line.starts_with(start)))
            .map(ToOwned::to_owned)
            .collect();
        // The page is in no order of its own.
        counts.sort_unstable();
        counts
    };
    let world = World::start().await;
    let before = counts(&world.admin("/metrics").await.1);
    for path in ["/items/7", "/panic", "/items/7"] {
        world.get(path).await;
    }

    let minute_later = World::start().await;

    assert_eq!(before.len(), 2, "{before:?}");
    assert_eq!(counts(&minute_later.admin("/metrics").await.1), before);
}

#[tokio::test]
async fn a_service_whose_check_fails_is_alive_and_not_ready() {
    let works = Arc::new(AtomicBool::new(false));
    let check = Arc::clone(&works);
    let readiness = Readiness::default().check("database", move || {
        let works = check.load(SeqCst);
        async move {
            let cause = anyhow::anyhow!("a secret reason");
            if works {
                Ok(())
            } else {
                Err(cause.context("it is down: start it"))
            }
        }
    });
    let world = World::with_service(|_| {}, |service| service.readiness(readiness)).await;

    assert_eq!(world.admin("/livez").await.0, 200);
    let (status, text) = world.admin("/readyz").await;
    assert_eq!(
        (status.as_u16(), text.as_str()),
        (503, "failing: database: it is down: start it\n")
    );

    works.store(true, SeqCst);
    assert_eq!(world.admin("/readyz").await.0, 200);
}

#[tokio::test]
async fn stopping_fails_readiness_first_and_finishes_what_runs() {
    let finished = Arc::new(AtomicBool::new(false));
    let shutdown = Shutdown::default();
    let order = shutdown.clone();
    // What is closed at the end must find the task done.
    let closed = Arc::new(AtomicBool::new(false));
    let (done, close) = (Arc::clone(&finished), Arc::clone(&closed));
    let at_end = move || {
        close.store(done.load(SeqCst), SeqCst);
        std::future::ready(())
    };
    let build = |service: Service| service.shutdown(shutdown).at_end(at_end);
    let world = World::with_service(|_| {}, build).await;
    let flag = Arc::clone(&finished);
    order.spawn(async move {
        tokio::time::sleep(Duration::from_millis(600)).await;
        flag.store(true, SeqCst);
    });
    let (client, other) = (world.client(), world.client());
    let (slow, admin) = (world.url("/slow/400"), world.running.admin_addr);
    let (World { running, .. }, url) = (world, slow);

    let request = client.get(url).send();
    let stop = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        running.stop().await
    };
    let probe = async {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let answer = other
            .get(format!("http://{admin}/readyz"))
            .send()
            .await
            .unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    let (answer, stopped, (ready, text)) = tokio::join!(request, stop, probe);

    assert_eq!(answer.unwrap().text().await.unwrap(), "done");
    stopped.unwrap();
    assert_eq!((ready.as_u16(), text.as_str()), (503, "stopping\n"));
    assert!(finished.load(SeqCst), "the task was not waited for");
    assert!(
        closed.load(SeqCst),
        "not closed, or before the task was done"
    );
}

#[tokio::test]
async fn a_stopped_service_does_not_listen_and_its_address_is_free() {
    let world = World::start().await;
    let address = world.address();
    // A kept connection must not keep the service from stopping.
    let _kept = world.connect().await;

    world.running.stop().await.unwrap();

    std::net::TcpListener::bind(address).unwrap();
}

#[tokio::test]
async fn work_that_does_not_end_within_the_grace_is_reported() {
    let shutdown = Shutdown::default();
    let order = shutdown.clone();
    let world = World::with_service(
        |http| http.shutdown_grace_seconds = 1,
        |service| service.shutdown(shutdown),
    )
    .await;
    order.spawn(std::future::pending::<()>());

    let error = world.running.stop().await.unwrap_err();

    assert!(
        error.to_string().contains("small did not finish"),
        "{error}"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn sigterm_stops_it() {
    let world = World::start().await;
    let (address, running) = (world.address(), world.running);
    let terminate = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let own = std::process::id().to_string();
        let killed = std::process::Command::new("kill")
            .args(["-TERM", &own])
            .status();
        assert!(killed.unwrap().success());
    };

    let (stopped, ()) = tokio::join!(running.run_until_signal(), terminate);

    stopped.unwrap();
    std::net::TcpListener::bind(address).unwrap();
}

#[tokio::test]
async fn all_that_does_not_end_gets_one_time_of_grace_together() {
    let shutdown = Shutdown::default();
    let _never_ends = shutdown.spawn(std::future::pending::<()>());
    let world = World::with_service(
        |http| http.shutdown_grace_seconds = 2,
        |service| service.shutdown(shutdown).at_end(std::future::pending),
    )
    .await;
    let (client, url) = (world.client(), world.url("/slow/60000"));
    let _never_answered = tokio::spawn(client.get(url).send());
    tokio::time::sleep(Duration::from_millis(300)).await;

    let begun = Instant::now();
    let stopped = world.running.stop().await;

    assert!(stopped.is_err());
    assert!(
        begun.elapsed() < Duration::from_millis(4_500),
        "{:?}",
        begun.elapsed()
    );
}
