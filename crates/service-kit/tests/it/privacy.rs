//! What must not be written about a request.

use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use service_kit::telemetry;
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt as _};

use crate::world::World;

/// A log that stays in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

// On one thread, so that the log of this test is everybody's log.
#[tokio::test(flavor = "current_thread")]
async fn at_the_finest_level_nothing_of_a_request_is_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(log.clone()))
        .with(telemetry::filter("trace").unwrap());
    let _quiet_again = telemetry::testing::listen(subscriber);
    let world = World::with(|http| http.rate_limit.burst = 3).await;
    let before = log.text();
    assert!(before.contains("the service runs"), "the log does not work");

    let client = world.client_at(77, None);
    for path in [
        "/items/4711",
        "/echo",
        "/panic",
        "/nowhere/4711",
        "/items/4711",
    ] {
        let request = client
            .post(world.url(path))
            .header("user-agent", "agent-4711");
        let request = request.header("content-type", "application/json");
        request
            .body(r#"{"items":[{"quantity":4711}]}"#)
            .send()
            .await
            .unwrap();
    }

    // The client of this test is in the same process and has a log of its own at this level.
    let after = log.text();
    for secret in ["4711", "127.0.0.77", "agent"] {
        assert!(!after.contains(secret), "{secret} in {after}");
    }
    assert_eq!(before.lines().count(), after.lines().count(), "{after}");
}
