//! The proxy breaks connections as it says.

use std::time::{Duration, Instant};

use test_kit::proxy::{Proxy, Weather};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::timeout,
};

/// Long enough for loopback, short enough to wait for in vain.
const SOON: Duration = Duration::from_millis(300);

/// A proxy in front of a server that sends every byte back.
async fn echo() -> (Proxy, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).await.unwrap();
    let mut server = JoinSet::new();
    server.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((connection, _)) = listener.accept().await {
            connections.spawn(async move {
                let (mut reads, mut writes) = connection.into_split();
                let _ended = tokio::io::copy(&mut reads, &mut writes).await;
            });
        }
    });
    (proxy, server)
}

/// Sends a byte and waits for its echo.
async fn ping(connection: &mut TcpStream) -> bool {
    let answered = async {
        connection.write_all(b"x").await.ok()?;
        connection.read_u8().await.ok()
    };
    timeout(SOON, answered)
        .await
        .is_ok_and(|byte| byte == Some(b'x'))
}

#[tokio::test]
async fn in_good_weather_everything_passes() {
    let (proxy, _server) = echo().await;
    let mut connection = TcpStream::connect(proxy.address()).await.unwrap();

    assert!(ping(&mut connection).await);
    assert!(ping(&mut connection).await);
}

#[tokio::test]
async fn a_cut_ends_open_connections_and_new_ones_until_it_is_over() {
    let (proxy, _server) = echo().await;
    let mut open = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(ping(&mut open).await);

    proxy.set(Weather::Cut);
    assert!(!ping(&mut open).await);
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(!ping(&mut new).await);

    proxy.set(Weather::Pass);
    let mut later = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(ping(&mut later).await);
}

#[tokio::test]
async fn a_cut_that_is_over_at_once_ends_what_was_open() {
    let (proxy, _server) = echo().await;
    let mut open = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(ping(&mut open).await);

    // Nobody else runs between the two.
    proxy.set(Weather::Cut);
    proxy.set(Weather::Pass);

    assert!(!ping(&mut open).await);
    let mut new = TcpStream::connect(proxy.address()).await.unwrap();
    assert!(ping(&mut new).await);
}

#[tokio::test]
async fn half_open_lets_requests_through_and_no_answer_back() {
    let (proxy, _server) = echo().await;
    let mut connection = TcpStream::connect(proxy.address()).await.unwrap();

    proxy.set(Weather::HalfOpen);

    assert!(!ping(&mut connection).await);
}

#[tokio::test]
async fn a_delay_holds_every_piece_back() {
    let (proxy, _server) = echo().await;
    let mut connection = TcpStream::connect(proxy.address()).await.unwrap();
    proxy.set(Weather::Delay(Duration::from_millis(50)));

    let start = Instant::now();

    assert!(ping(&mut connection).await);
    assert!(start.elapsed() >= Duration::from_millis(100));
}
