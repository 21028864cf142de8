//! `blindtally up`: the whole system on the real clock, until ctrl-c.
#![expect(
    clippy::print_stdout,
    reason = "what this command prints is what it is for"
)]

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use clock::Clock;
use messages::FundingSource;
use service_kit::{shutdown, telemetry};

use crate::system::{Layout, Profile, ServiceName, System, settlement};

/// Runs the whole system on this machine, and keeps everything in one folder.
#[derive(Args, Clone, Debug)]
pub struct UpArgs {
    /// The folder with its databases, keys and certificates; made if it is not there.
    #[arg(long, value_name = "DIR", default_value = "blindtally-data")]
    pub data: PathBuf,

    /// The lowest level that is logged, to stderr.
    #[arg(long, default_value = "warn")]
    pub log: String,
}

/// Starts the system, says how to use it, and stops it on ctrl-c or SIGTERM.
pub async fn run(args: &UpArgs) -> anyhow::Result<()> {
    telemetry::init(&args.log)?;
    let started = System::start(&args.data, Profile::up(), Clock::system()).await;
    let system = started.context("the system does not start")?;
    system.layout().until_it_sells().await?;
    let introduction = introduction(system.layout())?;
    // Whoever reads this may send a signal, so the listener on signals is polled first.
    let told = async {
        println!("{introduction}");
        println!("Ctrl-C stops it; the same command goes on where it was.");
    };
    let (signal, ()) = tokio::join!(biased; shutdown::signal(), told);
    signal?;

    println!("Stopping: what has begun is finished.");
    system.stop().await?;
    println!("Stopped. Everything is in {}.", args.data.display());
    Ok(())
}

/// Where the services are, and the first steps by hand.
fn introduction(layout: &Layout) -> anyhow::Result<String> {
    let url = |service| {
        layout
            .url(service)
            .to_string()
            .trim_end_matches('/')
            .to_owned()
    };
    let (payments, custodian) = (
        url(ServiceName::Payments),
        url(ServiceName::SandboxCustodian),
    );
    let (tally, issuer) = (url(ServiceName::Tally), url(ServiceName::ChallengeBypass));
    let ca = layout.pki().ca();
    let post = format!(
        "curl --cacert {} -H 'content-type: application/json'",
        ca.display()
    );
    let sku = layout.sku_token(FundingSource::UserWallet)?;
    Ok(format!(
        r#"Blindtally runs, with play money and on this machine only.

  payments           {payments}
  challenge-bypass   {issuer}  (only payments' client certificate is let in)
  tally              {tally}
  sandbox custodian  {custodian}

1. Order four votes. The answer has the order's id, its capability and its transferReference.

   {post} {payments}/v1/orders \
     -d '{{"items":[{{"sku":"{sku}","quantity":4}}]}}'

2. Open an account with play money, and pay. The answer has the transfer's id.

   {post} {custodian}/sandbox/accounts -d '{{"id":"me","funds":{{"BAT":"100"}}}}'
   {post} {custodian}/sandbox/transfers -d '{{"custodian":"uphold","from":"me","amount":"1",
     "currency":"BAT","destination":"{destination}","message":"TRANSFER-REFERENCE"}}'

3. Tell payments. The order is paid then.

   {post} {payments}/v1/orders/ORDER-ID/transactions/uphold \
     -H 'authorization: Bearer CAPABILITY' -d '{{"externalTransactionId":"TRANSFER-ID"}}'

The rest is arithmetic on curves, which the `wallet` program does. This buys four votes from the account
above, and votes. It waits up to a minute, until tally has witnessed the first keys:

   export WALLET_PAYMENTS={payments} WALLET_PAYMENTS_PIN={pin}
   export WALLET_WITNESS={tally} WALLET_WITNESS_PIN={witness_pin}
   export WALLET_DIRECTORY_KEY={directory_key}
   cargo run --release -p client --bin wallet -- buy --profile demo --quantity 4 --account me \
     --custodian {custodian} --custodian-pin {custodian_pin} \
     --destination {destination} \
     --sku {sku}
   cargo run --release -p client --bin wallet -- vote --profile demo --for example.com
"#,
        destination = settlement::UPHOLD,
        pin = layout.pin(ServiceName::Payments)?,
        witness_pin = layout.pin(ServiceName::Tally)?,
        custodian_pin = layout.pin(ServiceName::SandboxCustodian)?,
        directory_key = hex::encode(layout.directory_key().to_bytes()),
    ))
}
