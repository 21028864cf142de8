//! Connections between services, and to the engines, that are cut, slow, or open on one side only.

use std::time::Duration;

use blindtally::system::{Layout, ServiceName};
use test_kit::{
    fleet::{self, Setup},
    proxy::{Proxy, Weather},
};
use tokio::time::sleep;

use super::scene::{Scene, several};

/// How long bad weather lasts: some statements of each browser fall into it.
const LASTS: Duration = Duration::from_millis(1_500);

/// How long every piece waits where the weather is slow.
const SLOW: Duration = Duration::from_millis(150);

/// A proxy for each connection, and what makes the services take it.
async fn proxies(layout: &Layout, setup: &mut Setup) -> Vec<Proxy> {
    let issuer = layout.listen(ServiceName::ChallengeBypass).api;
    let proxy = Proxy::start(issuer).await.unwrap();
    setup.detours.push((issuer, proxy.address()));
    #[cfg_attr(
        not(feature = "engines"),
        expect(unused_mut, reason = "there are more with engines")
    )]
    let mut proxies = vec![proxy];
    #[cfg(feature = "engines")]
    proxies.extend(super::engines::proxies(setup).await);
    proxies
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_slow_or_half_open_lose_nothing_and_count_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    // The services' ports, which stay.
    let layout = Layout::open(&dir.path().join("data"), fleet::profile()).unwrap();
    let mut setup = several();
    let proxies = proxies(&layout, &mut setup).await;
    let mut scene = Scene::start_in(dir.path(), setup).await;

    for proxy in &proxies {
        for bad in [Weather::Cut, Weather::Delay(SLOW), Weather::HalfOpen] {
            // It publishes what waits, so that every connection is used.
            scene.renew(ServiceName::Payments, 0).await;
            scene.pause(1_500).await;
            proxy.set(bad);
            sleep(LASTS).await;
            // What lost an answer is reset: nobody is at its other end any more.
            if bad == Weather::HalfOpen {
                proxy.set(Weather::Cut);
            }
            proxy.set(Weather::Pass);
            scene.heal().await;
        }
    }

    scene.settle().await;
}
