//! Many connections that each hold as much as they may (threat T1): what a real process has in memory then.

use std::{net::Ipv4Addr, sync::Arc};

use blindtally::system::{Layout, ServiceName};
use client::pin;
use rustls_pki_types::ServerName;
use test_kit::fleet::{Fleet, Setup};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How many connections the service allows, in all; other settings are its own.
const ALLOWED: usize = 50;

/// How many there are in the flood.
const FLOOD: usize = 400;

/// They come from so many addresses: no single one has more than its share.
const ADDRESSES: usize = 20;

/// The largest body of a vote. All of it but the last byte is sent, so that the service has to wait with it.
const BODY_BYTES: usize = 16_384;

/// What one connection may cost: its TLS records, its buffers and its body, with room for a debug build.
const CONNECTION_BYTES_MAX: u64 = 128 * 1_024;

/// Seconds that a flood is given to build up: longer than it takes on a machine that is busy with tests.
const PATIENCE_SECONDS: u64 = 120;

/// A connection that has sent nearly all of a vote.
async fn hold(layout: Arc<Layout>, number: usize) -> Option<TlsStream<TcpStream>> {
    let pin = layout.pin(ServiceName::Payments).unwrap();
    let tls = TlsConnector::from(Arc::new(pin::client_config(&[pin]).unwrap()));
    let socket = TcpSocket::new_v4().unwrap();
    let host = u8::try_from(2 + number % ADDRESSES).unwrap();
    let address = Ipv4Addr::new(127, 0, 7, host);
    socket.bind((address, 0).into()).unwrap();
    let payments = layout.listen(ServiceName::Payments).api;
    let stream = socket.connect(payments).await.ok()?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = tls.connect(name, stream).await.ok()?;
    let head = format!(
        "POST /v1/votes HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         content-length: {BODY_BYTES}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.ok()?;
    stream.write_all(&vec![b' '; BODY_BYTES - 1]).await.ok()?;
    stream.flush().await.ok()?;
    Some(stream)
}

/// Whether the service has neither closed the connection nor answered.
async fn is_held(stream: &mut TlsStream<TcpStream>) -> bool {
    let answered = stream.read_u8();
    let soon = std::time::Duration::from_millis(20);
    tokio::time::timeout(soon, answered).await.is_err()
}

/// Floods a payments that allows so many connections; gives how many it held, and the memory that they took.
async fn flood(allowed: usize) -> (usize, u64) {
    let dir = tempfile::tempdir().unwrap();
    let mut setup = Setup::default();
    setup
        .profile
        .payments
        .set("http.connections_max", allowed)
        .set("http.body_timeout_seconds", PATIENCE_SECONDS)
        .set("http.handler_timeout_seconds", PATIENCE_SECONDS);
    let mut fleet = Fleet::start(dir.path(), setup).await.unwrap();
    let layout = Arc::new(fleet.layout().clone());
    let payments = fleet.process(ServiceName::Payments, 0).unwrap();
    let before = payments.resident_bytes().await.unwrap();

    let mut opening = JoinSet::new();
    for number in 0..FLOOD {
        opening.spawn(hold(Arc::clone(&layout), number));
    }
    let opened = opening.join_all().await;
    let mut held = Vec::new();
    for mut stream in opened.into_iter().flatten() {
        if is_held(&mut stream).await {
            held.push(stream);
        }
    }
    let during = payments.resident_bytes().await.unwrap();
    (held.len(), during.saturating_sub(before))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_connections_takes_no_more_memory_than_the_allowed_ones() {
    let (held, bytes) = flood(ALLOWED).await;

    println!("{held} connections held, {bytes} bytes");
    assert!(held <= ALLOWED, "{held}");
    assert!(held > ALLOWED / 2, "the flood did not arrive: {held}");
    assert!(bytes < ALLOWED as u64 * CONNECTION_BYTES_MAX, "{bytes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn control_a_service_that_allows_the_flood_takes_its_memory() {
    let (held, bytes) = flood(10 * FLOOD).await;

    println!("{held} connections held, {bytes} bytes");
    assert!(held > 2 * ALLOWED, "{held}");
    assert!(bytes > ALLOWED as u64 * CONNECTION_BYTES_MAX, "{bytes}");
}
