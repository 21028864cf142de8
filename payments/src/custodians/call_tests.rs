//! How often and for how long a custodian is called (contracts §2): a second there is 200 ms here.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
};

use service_kit::{config::Sources, tls::probe_client};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::config::{Config, DEFAULTS};

const SECOND: Duration = Duration::from_millis(200);

/// What a custodian does with a connection.
#[derive(Clone, Copy, Debug)]
enum Custodian {
    AnswersAtThird,
    Fails,
    Refuses,
    Sleeps,
}

impl Custodian {
    async fn serve(self, listener: TcpListener, calls: &AtomicU32) {
        let mut asleep = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let call = calls.fetch_add(1, Ordering::SeqCst) + 1;
            let status = match self {
                Self::AnswersAtThird if call == 3 => "200 OK",
                Self::AnswersAtThird | Self::Fails => "503 Service Unavailable",
                Self::Refuses => "400 Bad Request",
                Self::Sleeps => {
                    asleep.push(stream);
                    continue;
                }
            };
            answer(&mut stream, status).await;
        }
    }
}

async fn answer(stream: &mut TcpStream, status: &str) {
    let mut head = [0; 1024];
    let _read = stream.read(&mut head).await.unwrap();
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 4\r\nconnection: close\r\n\r\ntrue");
    stream.write_all(answer.as_bytes()).await.unwrap();
}

/// What a call brings, how many calls it was, and how many seconds they took.
async fn call(
    custodian: Custodian,
    limits: CallLimits,
    timeout_seconds: u64,
) -> (Result<bool, CustodianError>, u32, f64) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let timeout = SECOND * u32::try_from(timeout_seconds).unwrap();
    let (http, calls) = (probe_client(timeout).unwrap(), AtomicU32::new(0));
    let caller = Caller::new(limits);
    let begun = Instant::now();
    let result = tokio::select! {
        result = caller.call(|| http.get(format!("http://{address}/"))) => result,
        () = custodian.serve(listener, &calls) => unreachable!("it serves for ever"),
    };
    let seconds = begun.elapsed().as_secs_f64() / SECOND.as_secs_f64();
    (result, calls.into_inner(), seconds)
}

/// The defaults, and the same with a shorter second.
fn defaults() -> (Transfers, CallLimits) {
    let config: Config = Sources::defaults("payments", DEFAULTS).load().unwrap();
    let limits = CallLimits::from(&config.transfers);
    let all_tries = SECOND * u32::try_from(limits.all_tries.as_secs()).unwrap();
    (
        config.transfers,
        CallLimits {
            all_tries,
            ..limits
        },
    )
}

#[tokio::test]
async fn a_custodian_gets_three_tries_of_four_seconds_and_thirteen_in_all() {
    let (settings, limits) = defaults();
    assert_eq!(
        (
            settings.timeout_seconds,
            settings.tries_max,
            settings.tries_seconds_max
        ),
        (4, 3, 13)
    );

    let (result, calls, seconds) = call(Custodian::Sleeps, limits, 4).await;

    assert_eq!((result, calls), (Err(CustodianError::Unavailable), 3));
    assert!((12.0..=16.0).contains(&seconds), "{seconds}");
    let many = CallLimits {
        tries_max: 100,
        ..limits
    };
    let (result, calls, seconds) = call(Custodian::Sleeps, many, 4).await;
    assert_eq!((result, calls), (Err(CustodianError::Unavailable), 3));
    assert!((12.9..=16.0).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn only_what_may_pass_by_itself_is_tried_again() {
    let (settings, limits) = defaults();
    let timeout = settings.timeout_seconds;

    let (result, calls, _) = call(Custodian::Fails, limits, timeout).await;
    assert_eq!((result, calls), (Err(CustodianError::Unavailable), 3));
    let (result, calls, _) = call(Custodian::AnswersAtThird, limits, timeout).await;
    assert_eq!((result, calls), (Ok(true), 3));
    let (result, calls, _) = call(Custodian::Refuses, limits, timeout).await;
    assert_eq!((result, calls), (Err(CustodianError::Refused), 1));
}
