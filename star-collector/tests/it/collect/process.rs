//! The real process, killed or told to stop under load: what it answered 204 is in the log.

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clock::Clock;
use futures_util::future::join_all;
use rand::rngs::OsRng;
use reqwest::{Client, StatusCode};
use service_kit::{
    event_log::{self, Access},
    tls,
};
use star_collector::{collect::Config, factory::Factory};

use super::app::{TOPIC, records};

const ROUNDS: u64 = 4;
const MESSAGES: usize = 120;

struct Process {
    child: Child,
    client: Client,
    url: String,
}

impl Process {
    async fn start(log: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let child = Command::new(env!("CARGO_BIN_EXE_star-collector"))
            .args(["collect", "--log-level", "off"])
            .args(["--event-log-url", &format!("embedded:{}", log.display())])
            .args(["--http-listen", &address.to_string()])
            .args(["--http-admin-listen", "127.0.0.1:0"])
            .args(["--http-connections-per-client-max", "1000"])
            .args(["--http-rate-limit-units-per-minute", "0"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = Self {
            child,
            client: tls::probe_client(Duration::from_secs(20)).unwrap(),
            url: format!("http://{address}/"),
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        while process.client.get(&process.url).send().await.is_err() {
            assert!(Instant::now() < deadline, "it does not serve");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        process
    }

    /// Whether it answered that the message is kept.
    async fn send(&self, message: &[u8]) -> bool {
        let request = self.client.post(&self.url).body(STANDARD.encode(message));
        match request.send().await {
            Ok(answer) => answer.status() == StatusCode::NO_CONTENT,
            Err(_cut) => false,
        }
    }

    /// Sends all at once and gives the process a signal meanwhile. Which ones were kept, as far as was said.
    async fn send_and_signal(
        &self,
        messages: &[Vec<u8>],
        signal: &'static str,
        after: Duration,
    ) -> Vec<Vec<u8>> {
        let child = self.child.id().to_string();
        let signalling = async {
            tokio::time::sleep(after).await;
            let sent = Command::new("kill").args([signal, &child]).status();
            assert!(sent.unwrap().success());
        };
        let sending = join_all(messages.iter().map(|message| self.send(message)));
        let (answers, ()) = tokio::join!(sending, signalling);
        let kept = messages.iter().zip(answers).filter(|(_, kept)| *kept);
        kept.map(|(message, _)| message.clone()).collect()
    }
}

/// Messages of the epoch that it is now.
fn messages() -> Vec<Vec<u8>> {
    let config: Config = Config::sources().load().unwrap();
    let channels = config.channels().unwrap();
    let channel = &channels.default_one().channel;
    let epoch = channel.epochs.at(Clock::system().now()).unwrap();
    let mut factory = Factory::new(epoch.to_le_bytes()[0], channel.k);
    let texts = ["q|yes", "b|2", "c|3", "d|4", "e|5", "f|6"];
    let message = |_| factory.message(&texts, &mut OsRng);
    (0..MESSAGES).map(message).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_instant_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let mut said = Vec::new();
    let mut sent = 0;
    for round in 0..ROUNDS {
        let mut process = Process::start(&path).await;
        let messages = messages();
        sent += messages.len();
        let after = Duration::from_millis(5 + 12 * round);
        // SIGKILL: the process gets no chance to finish anything.
        said.extend(process.send_and_signal(&messages, "-9", after).await);
        process.child.wait().unwrap();
    }

    let url = format!("embedded:{}", path.display());
    let log = event_log::open(&url, &Access::default()).await.unwrap();
    let kept = records(&*log, TOPIC).await;

    assert!(said.len() < sent, "no kill hit any request");
    for message in &said {
        assert_eq!(kept.iter().filter(|one| one.value == *message).count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_to_stop_ends_it_in_peace_and_loses_nothing_that_was_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let mut process = Process::start(&path).await;
    let messages = messages();

    let after = Duration::from_millis(10);
    let said = process.send_and_signal(&messages, "-TERM", after).await;
    let status = process.child.wait().unwrap();

    assert!(status.success(), "{status}");
    let url = format!("embedded:{}", path.display());
    let log = event_log::open(&url, &Access::default()).await.unwrap();
    let kept = records(&*log, TOPIC).await;
    for message in &said {
        assert!(kept.iter().any(|one| one.value == *message));
    }
}
