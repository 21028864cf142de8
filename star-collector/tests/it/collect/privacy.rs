//! What must not be written about a request.

use std::{
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use service_kit::telemetry;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
};
use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt as _};

use super::app::App;

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
        Write::write(&mut *self.0.lock().unwrap(), bytes)
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

/// Sends a message from an address of its own, and answers the first line of what comes back.
async fn send_from(host: u8, server: SocketAddr, path: &str, body: &str) -> String {
    let socket = TcpSocket::new_v4().unwrap();
    let address = Ipv4Addr::new(127, 0, 0, host);
    socket.bind(SocketAddr::new(address.into(), 0)).unwrap();
    let mut stream = socket.connect(server).await.unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nuser-agent: agent-quokka\r\n\
         brave-p3a-version: 47.11\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.lines().next().unwrap().to_owned()
}

// On one thread, so that the log of this test is everybody's log.
#[tokio::test(flavor = "current_thread")]
async fn at_the_finest_level_nothing_of_a_request_is_logged_and_nothing_of_its_sender_kept() {
    let log = Log::default();
    // Without times, in which any digits can stand.
    let subscriber = tracing_subscriber::registry()
        .with(
            tracing_subscriber::fmt::layer()
                .without_time()
                .with_writer(log.clone()),
        )
        .with(telemetry::filter("trace").unwrap());
    let _quiet_again = telemetry::testing::listen(subscriber);
    let mut app = App::start().await;
    let server = app.running.as_ref().unwrap().api_addr;
    let message = STANDARD.encode(app.message());
    let before = log.text();
    assert!(before.contains("the service runs"), "the log does not work");

    for (path, body, status) in [
        ("/", message.as_str(), "204"),
        ("/typical", message.as_str(), "204"),
        ("/slow-quokka", message.as_str(), "404"),
        ("/", "quokka77", "400"),
        ("/", "no base64: quokka", "400"),
    ] {
        let answer = send_from(77, server, path, body).await;
        assert!(answer.contains(status), "{path}: {answer}");
    }

    let after = log.text();
    for secret in ["quokka", "47.11", "127.0.0.77", &message[..40]] {
        assert!(!after.contains(secret), "{secret} in {after}");
    }
    assert_eq!(before.lines().count(), after.lines().count(), "{after}");
    app.stop().await;
    for file in std::fs::read_dir(app.folder.path()).unwrap() {
        let kept = std::fs::read(file.unwrap().path()).unwrap();
        for secret in ["quokka", "47.11", "127.0.0.77"] {
            let mut places = kept.windows(secret.len());
            let is_there = places.any(|bytes| bytes == secret.as_bytes());
            assert!(!is_there, "{secret} is in the event log");
        }
    }
}
