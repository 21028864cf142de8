//! `blindtally up` as a real process: stopped by ctrl-c, and started again with nothing lost.

#[cfg(feature = "engines")]
mod engines;

use std::{path::Path, process::Stdio, time::Duration};

use blindtally::system::{Layout, Profile, ServiceName, settlement};
use client::transport::Request;
use messages::{FundingSource, payments::Order};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

/// Starting makes keys and databases, on a machine that is busy with other tests.
const STARTED_WITHIN: Duration = Duration::from_mins(1);

/// Starts it, on files or on the engines of a description; gives what it printed, too.
pub(crate) async fn start(data: &Path, engines: Option<&Path>) -> (Child, String) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_blindtally"));
    program.args(["up", "--data"]).arg(data);
    if let Some(description) = engines {
        program.arg("--engines").arg(description);
    }
    let mut child = program
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    let mut printed = String::new();
    let started = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("Ctrl-C") {
                return;
            }
            printed.push_str(&line);
            printed.push('\n');
        }
        panic!("it ended before it ran");
    };
    timeout(STARTED_WITHIN, started).await.unwrap();
    (child, printed)
}

/// Ctrl-C is `INT`; `TERM` is what a supervisor sends.
pub(crate) async fn stop(mut child: Child, signal: &str) {
    let id = child.id().unwrap().to_string();
    let sent = Command::new("kill")
        .args(["-s", signal, &id])
        .status()
        .await
        .unwrap();
    assert!(sent.success());
    // What it still prints must have somewhere to go.
    let mut rest = BufReader::new(child.stdout.take().unwrap()).lines();
    while rest.next_line().await.unwrap().is_some() {}
    let ended = timeout(STARTED_WITHIN, child.wait())
        .await
        .unwrap()
        .unwrap();
    assert!(ended.success(), "{ended}");
}

async fn post(layout: &Layout, service: ServiceName, path: &str, body: &Value) -> Value {
    let request = Request::post(path, body.to_string().into_bytes());
    let answer = layout
        .transport(service)
        .unwrap()
        .send(&request)
        .await
        .unwrap();
    assert!(
        answer.status.is_success(),
        "{path}: {} {:?}",
        answer.status,
        answer.problem()
    );
    serde_json::from_slice(&answer.body).unwrap()
}

async fn read(layout: &Layout, order: &Order, capability: &str) -> Order {
    let request = Request::get(format!("/v1/orders/{}", order.id)).with_capability(capability);
    let payments = layout.transport(ServiceName::Payments).unwrap();
    let answer = payments.send(&request).await.unwrap();
    assert!(answer.status.is_success(), "{}", answer.status);
    serde_json::from_slice(&answer.body).unwrap()
}

#[tokio::test]
async fn ctrl_c_stops_it_and_a_new_start_finds_the_order_and_the_money() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let (first, _) = start(&data, None).await;
    let layout = Layout::open(&data, Profile::up()).unwrap();
    let sku = layout.sku_token(FundingSource::UserWallet).unwrap();
    let (payments, custodian) = (ServiceName::Payments, ServiceName::SandboxCustodian);

    let body = json!({"items": [{"sku": sku, "quantity": 4}]});
    let order: Order =
        serde_json::from_value(post(&layout, payments, "/v1/orders", &body).await).unwrap();
    let account = json!({"id": "me", "funds": {"BAT": "100"}});
    post(&layout, custodian, "/sandbox/accounts", &account).await;
    let transfer = json!({
        "custodian": "uphold", "from": "me", "amount": order.total_price, "currency": "BAT",
        "destination": settlement::UPHOLD, "message": order.transfer_reference,
    });
    let transfer = post(&layout, custodian, "/sandbox/transfers", &transfer).await;
    stop(first, "INT").await;
    let (second, _) = start(&data, None).await;

    let capability = order.capability.as_deref().unwrap();
    assert_eq!(read(&layout, &order, capability).await.id, order.id);
    let body = json!({"externalTransactionId": transfer["id"]})
        .to_string()
        .into_bytes();
    let path = format!("/v1/orders/{}/transactions/uphold", order.id);
    let request = Request::post(path, body).with_capability(capability);
    let named = layout
        .transport(payments)
        .unwrap()
        .send(&request)
        .await
        .unwrap();
    assert!(
        named.status.is_success(),
        "{} {:?}",
        named.status,
        named.problem()
    );
    let paid = read(&layout, &order, capability).await;
    assert_eq!(paid.status, messages::payments::OrderStatus::Paid);
    stop(second, "INT").await;
}
