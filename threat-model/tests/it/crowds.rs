//! Hiding in a crowd, and coming alone (U1, U4).

use chrono::TimeDelta;
use client::{Profile, transport::Request};
use messages::{FundingSource, payments::AnonymitySets};

use super::world::World;

/// The orders that payments says share the key of `source`, after `orders` orders were signed.
async fn crowd_of(world: &mut World, orders: usize) -> u64 {
    let mut hand = world.hand();
    for _ in 0..orders {
        world.drive(hand.buy(4)).await.unwrap();
    }
    drop(hand);
    world.live(TimeDelta::days(1)).await;
    let answer = world.send(&Request::get("/v1/anonymity-sets")).await;
    let sets: AnonymitySets = serde_json::from_slice(&answer.body).unwrap();
    let of_wallets = sets
        .keys
        .iter()
        .filter(|set| set.funding_source == FundingSource::UserWallet);
    of_wallets.map(|set| set.orders_total).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn u1_the_crowd_is_published_rounded_down() {
    let mut world = World::start().await;

    assert_eq!(crowd_of(&mut world, 7).await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn u1_control_an_exact_crowd_is_seen() {
    let mut world =
        World::planted(|planted| planted.payments.votes.rounded = |orders| orders).await;

    assert_eq!(crowd_of(&mut world, 7).await, 7);
}

/// Whether a browser that wants `crowd` orders around its own votes within two days of buying alone.
async fn votes_alone(world: &mut World, crowd: u64) -> bool {
    drop(
        world
            .kit
            .buy("anna", FundingSource::UserWallet, 4)
            .await
            .unwrap(),
    );
    let profile = Profile {
        anonymity_set_min: crowd,
        ..Profile::demo()
    };
    let clock = world.kit.clock().clone();
    let settings = world
        .kit
        .layout()
        .browser("anna", 1, profile, clock)
        .unwrap();
    let file = world.kit.data().parent().unwrap().join("anna.json");
    let mut anna = client::Browser::start(settings, client::wallet::Wallet::open(file).unwrap());
    let interest = client::browser::Interest {
        publisher: "example.com".parse().unwrap(),
        attention: 1,
    };
    let end = world.kit.clock().now() + TimeDelta::days(2);
    let interests = [interest];
    {
        let voting = anna.vote(&interests, messages::vote_text::VoteType::AutoContribute);
        let mut voting = std::pin::pin!(voting);
        tokio::select! {
            biased;
            told = &mut voting => assert!(told.unwrap().is_empty()),
            () = world.kit.run_until(end) => {}
        }
    }
    !anna.wallet().state.votes.is_empty()
}

#[tokio::test(flavor = "multi_thread")]
async fn u1_a_browser_alone_keeps_its_tokens() {
    let mut world = World::start().await;

    assert!(!votes_alone(&mut world, 2).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn u1_control_a_browser_that_wants_no_crowd_votes() {
    let mut world = World::start().await;

    assert!(votes_alone(&mut world, 1).await);
}

/// How many connections a proxy saw while three requests were sent through it.
async fn connections(world: &World, pooled: bool) -> usize {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use blindtally::system::ServiceName;
    use client::transport::{PinnedHttps, Transport as _};

    let layout = world.kit.layout();
    let payments = layout.listen(ServiceName::Payments).api;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let mut proxy = tokio::task::JoinSet::new();
    proxy.spawn(async move {
        let mut open = tokio::task::JoinSet::new();
        while let Ok((mut near, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            open.spawn(async move {
                let mut far = tokio::net::TcpStream::connect(payments).await.unwrap();
                _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    let base = format!("https://{address}/");
    let pinned = PinnedHttps::new(
        base.parse().unwrap(),
        &[layout.pin(ServiceName::Payments).unwrap()],
    );
    let pinned = pinned.unwrap();
    let tls = service_kit::tls::ClientTls {
        ca_file: layout.pki().ca(),
        ..Default::default()
    };
    let pool = service_kit::tls::http_client(&tls, std::time::Duration::from_secs(10)).unwrap();
    for _ in 0..3 {
        if pooled {
            let answer = pool
                .get(format!("{base}health-check"))
                .send()
                .await
                .unwrap();
            answer.bytes().await.unwrap();
            // The client hands a connection back to its pool in a task of its own; asked before that, it opens another.
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        } else {
            pinned.send(&Request::get("/health-check")).await.unwrap();
        }
    }
    count.load(Ordering::SeqCst)
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_each_request_of_a_browser_comes_over_a_fresh_connection() {
    let world = World::start().await;

    assert_eq!(connections(&world, false).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn u4_control_a_kept_connection_is_seen() {
    let world = World::start().await;

    assert!(connections(&world, true).await < 3);
}
