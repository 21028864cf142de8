//! The real process, killed under load at any instant: nothing that was confirmed is lost, nothing
//! counts twice.

use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use messages::{
    challenge_bypass::{
        Issuer, RedemptionOutcome, RedemptionRequest, RedemptionResponse, SigningRequest,
        SigningResponse,
    },
    encoding::Fixed,
};
use rand::{Rng as _, rngs::OsRng};
use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use service_kit::{secret::SecretFile, tls};

use crate::{
    app::{PATH, redemption, terms},
    pki::Pki,
    tokens::Blinded,
};

const KILLS: usize = 5;
const TOKENS: usize = 240;

/// The program in a process of its own.
struct Process {
    child: Child,
    client: Client,
    port: u16,
}

impl Process {
    fn start(folder: &tempfile::TempDir, pki: &Pki) -> Self {
        let tls = pki.server("payments");
        let (port, admin) = (free_port(), free_port());
        let mut command = Command::new(env!("CARGO_BIN_EXE_challenge-bypass"));
        let mut set = |name: &str, value: &dyn std::fmt::Display| {
            command.arg(format!("--{name}")).arg(value.to_string());
        };
        let file = |name| folder.path().join(name);
        set(
            "database-url",
            &format!("sqlite:{}", file("a.db").display()),
        );
        set("keys-sealing-key-file", &file("sealing.key").display());
        set("keys-notice-hours", &0);
        set("log-level", &"off");
        set("http-listen", &format!("127.0.0.1:{port}"));
        set("http-admin-listen", &format!("127.0.0.1:{admin}"));
        set("http-tls-certificate-file", &tls.certificate_file.display());
        set("http-tls-key-file", &tls.key_file.display());
        set("http-tls-client-ca-file", &tls.client_ca_file.display());
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        let client = pki.client(Some("payments"));
        Self {
            child,
            client: tls::http_client(&client, Duration::from_secs(10)).unwrap(),
            port,
        }
    }

    /// Repeats a request until it is answered, and only once when it `may_fail`.
    async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl serde::Serialize,
        may_fail: bool,
    ) -> Option<T> {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let url = format!("https://localhost:{}{path}", self.port);
            let request = self.client.request(method.clone(), url).json(body);
            match request.send().await {
                Ok(answer) if answer.status().is_success() => return answer.json().await.ok(),
                Ok(answer) => panic!("{}", answer.text().await.unwrap()),
                Err(_) if may_fail => return None,
                Err(error) => assert!(Instant::now() < deadline, "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn redeem(&self, body: &RedemptionRequest, may_fail: bool) -> Option<RedemptionResponse> {
        self.call(Method::POST, "/v4/redemptions", body, may_fail)
            .await
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_at_any_instant_loses_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let pki = Pki::new(&folder.path().join("pki"));
    SecretFile::new(folder.path().join("sealing.key"))
        .create_key()
        .unwrap();
    let mut process = Process::start(&folder, &pki);
    let _issuer: Option<Issuer> = process.call(Method::PUT, PATH, &terms(), false).await;
    let requests = requests(&process).await;

    let mut confirmed = vec![false; requests.len()];
    let mut doubtful = 0;
    for round in 0..KILLS {
        let share = requests.len() / KILLS;
        let batch = round * share..(round + 1) * share;
        let calls = join_all(
            requests[batch.clone()]
                .iter()
                .map(|body| process.redeem(body, true)),
        );
        let pause = Duration::from_micros(OsRng.gen_range(500..25_000));
        let child = process.child.id();
        let killer = tokio::task::spawn_blocking(move || {
            std::thread::sleep(pause);
            // SIGKILL: the process gets no chance to finish anything.
            let killed = Command::new("kill")
                .args(["-9", &child.to_string()])
                .status();
            assert!(killed.unwrap().success());
        });
        for (place, answer) in batch.clone().zip(calls.await) {
            confirmed[place] = answer.is_some();
            doubtful += usize::from(answer.is_none());
        }
        killer.await.unwrap();
        process.kill();
        process = Process::start(&folder, &pki);
    }

    let spent = confirmed.iter().filter(|confirmed| **confirmed).count();
    for (body, confirmed) in requests.iter().zip(confirmed) {
        let answer = process.redeem(body, false).await.unwrap();
        assert!(!confirmed || answer.outcome == RedemptionOutcome::Replay);
        let again = process.redeem(body, false).await.unwrap();
        assert_eq!(again.outcome, RedemptionOutcome::Replay);
    }
    let issuer: Issuer = process.call(Method::GET, PATH, &(), false).await.unwrap();
    assert_eq!(issuer.keys[0].signed_total, TOKENS as u64);
    assert_eq!(issuer.keys[0].redeemed_total, TOKENS as u64);
    assert!(
        doubtful > 0,
        "{spent} were confirmed, and no kill hit any request"
    );
    process.kill();
}

/// Redemptions of two tokens each.
async fn requests(process: &Process) -> Vec<RedemptionRequest> {
    let blinded = Blinded::new(TOKENS);
    let request = SigningRequest {
        request_id: Fixed([1; 32]),
        blinded_tokens: blinded.points(),
    };
    let path = format!("{PATH}/signatures");
    let signed: Option<SigningResponse> = process.call(Method::POST, &path, &request, false).await;
    let tokens = blinded.unblind(&signed.unwrap()).unwrap();
    let pairs = tokens.chunks(2).enumerate();
    pairs
        .map(|(n, pair)| redemption(&format!("for {n}"), pair))
        .collect()
}
