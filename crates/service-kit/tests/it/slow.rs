//! Clients that take their time.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::world::World;

async fn impatient() -> World {
    World::with(|http| {
        http.header_timeout_seconds = 1;
        http.body_timeout_seconds = 1;
    })
    .await
}

/// Sends `start`, then nothing, and gives what came back when the connection ended.
async fn stall(world: &World, start: &str) -> String {
    let mut stream = world.connect().await;
    stream.write_all(start.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let before = Instant::now();
    let read = stream.read_to_end(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(10), read).await;
    assert!(read.is_ok(), "the connection is still open");
    assert!(before.elapsed() > Duration::from_millis(500));
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_head_that_does_not_end_is_cut() {
    let world = impatient().await;

    let answer = stall(&world, "GET /items/7 HTTP/1.1\r\nhost: localhost\r\nx").await;

    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_cut() {
    let world = impatient().await;
    let mut stream = world.connect().await;
    let before = Instant::now();

    while stream.write_all(b"x").await.is_ok() && stream.flush().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(before.elapsed() < Duration::from_secs(5), "still open");
    }
}

#[tokio::test]
async fn a_quiet_connection_is_closed() {
    let world = impatient().await;

    assert_eq!(stall(&world, "").await, "");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let world = impatient().await;
    let head = "POST /echo HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 20\r\n\r\n{";

    let answer = stall(&world, head).await;

    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.contains("urn:blindtally:problem:timed-out"));
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_refused_before_it_comes() {
    let world = World::start().await;
    let mut stream = world.connect().await;
    let head = "POST /echo HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ncontent-length: 9999999999\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();

    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();

    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_chunked_body_is_cut_where_it_becomes_too_large() {
    let world = World::start().await;
    let mut stream = world.connect().await;
    let head = "POST /echo HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    for _ in 0..5 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }

    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();

    assert_eq!(&answer, b"HTTP/1.1 413");
}

#[tokio::test]
async fn a_head_with_too_much_in_it_is_refused() {
    let world = World::start().await;
    let many = "x: y\r\n".repeat(100);
    let long = format!("x: {}\r\n", "y".repeat(40_000));
    for headers in [many, long] {
        let mut stream = world.connect().await;
        let head = format!("GET /items/7 HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();

        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();

        assert_eq!(&answer, b"HTTP/1.1 431");
    }
}

#[tokio::test]
async fn slow_clients_do_not_slow_the_others_down() {
    let world = World::start().await;
    let mut slow = Vec::new();
    for host in 10..30 {
        let mut stream = world.connect_at(host).await.unwrap();
        stream
            .write_all(b"GET /items/7 HTTP/1.1\r\n")
            .await
            .unwrap();
        slow.push(stream);
    }
    let before = Instant::now();

    assert_eq!(world.get("/items/7").await.status(), 200);

    assert!(before.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn an_old_connection_is_closed_after_its_answer() {
    let world = World::with(|http| http.connection_age_max_seconds = 1).await;
    let mut stream = world.connect().await;
    let request = b"GET /slow/1500 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();

    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();

    assert!(
        answer.contains("200 OK") && answer.ends_with("done"),
        "{answer}"
    );
}
