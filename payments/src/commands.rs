//! What an operator asks for on the command line.
#![expect(
    clippy::print_stdout,
    reason = "the output of commands goes to standard output"
)]

use std::{iter, sync::Arc};

use anyhow::Context as _;
use clock::Clock;
use ed25519_dalek::SigningKey;
use messages::{encoding::Fixed, money::Amount};
use secrecy::ExposeSecret as _;
use serde_json::json;
use service_kit::outbox::lease_alone;
use uuid::Uuid;

use crate::{
    Config, FIGURES_LINE, Rules, Topics, VOTES_LINE,
    assembly_orders::{issuers, transfers},
    catalogue,
    challenge_bypass::Client,
    domain::{issuer::FundsKind, macaroons::RootKey},
    error::Error,
    jobs::funds::{FundsHealth, FundsJob},
    new_generation as generation,
    store::{
        orders::{self, OrdersDatabase, Report, Surplus},
        votes::{self, KeyCount, VotesDatabase},
    },
};

/// What waits to be published: votes, or figures of funds and the key directory.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum OutboxName {
    /// Funds and the directory's heads.
    Funds,
    /// Votes.
    Votes,
}

/// Prints the public half of the directory key.
pub fn directory_key(config: &Config) -> anyhow::Result<()> {
    let secret = config.secrets.directory_key_file.read_key()?;
    let public = SigningKey::from_bytes(&secret).verifying_key();
    println!("{}", Fixed(public.to_bytes()));
    Ok(())
}

/// Prints the SKU token of the SKU `name`.
pub fn mint(config: &Config, name: &str) -> anyhow::Result<()> {
    let catalogue = catalogue(config)?;
    let sku = catalogue
        .by_name(name)
        .context("no SKU of that name is configured")?;
    let root = config.secrets.sku_root_files.first();
    let root = root.context("no root secret is configured (secrets.sku_root_files)")?;
    let root = RootKey::from_secret(root.read_text()?.expose_secret().as_bytes());
    println!(
        "{}",
        sku.mint(&root).context("the SKU token would be too long")?
    );
    Ok(())
}

/// Makes the tables of both databases, or brings them up to date.
pub async fn migrate(config: &Config) -> anyhow::Result<()> {
    orders::migrate(config.orders_database.migrate_url()).await?;
    votes::migrate(config.votes_database.migrate_url()).await?;
    println!("The tables are up to date.");
    Ok(())
}

/// Begins a new life of an outbox.
pub async fn new_generation(config: &Config, outbox: OutboxName) -> anyhow::Result<()> {
    let log = config.open_log().await?;
    let published = match outbox {
        OutboxName::Funds => {
            let outbox = open_orders(config).await?.outbox();
            generation::new_generation(&*outbox, &*log, FIGURES_LINE).await?
        }
        OutboxName::Votes => {
            let outbox = open_votes(config).await?.outbox();
            generation::new_generation(&*outbox, &*log, VOTES_LINE).await?
        }
    };
    println!("The log has {published} records of the old generation. A new one has begun.");
    Ok(())
}

/// States how many votes of a source and value were sold since the beginning.
pub async fn restate(
    config: &Config,
    clock: Clock,
    kind: FundsKind,
    votes_sold: u64,
) -> anyhow::Result<()> {
    let orders = open_orders(config).await?;
    let outbox = orders.outbox();
    let lease = lease_alone(&*outbox).await?;
    let job = FundsJob {
        keeper: Arc::new(Client::new(
            config.challenge_bypass.url.clone(),
            &config.challenge_bypass.tls,
        )?),
        figures: orders,
        issuers: issuers(config),
        environment: config.environment.clone(),
        topic: Topics::of(&config.environment).funds,
        clock,
        signed_fits: Rules::default().signed_fits,
        health: FundsHealth::default(),
    };
    let stated = job.restate(kind, votes_sold).await;
    // Also when it failed: whoever tries again need not wait for the end of the lease.
    outbox.release_lease(&lease).await?;
    let stated = stated?;
    println!(
        "{} at {}: {} votes were sold for {} {}. Start payments, which publishes this; then see `tally funds list`.",
        stated.source, stated.value, stated.votes_sold, stated.received, stated.currency
    );
    Ok(())
}

/// Prints what an operator has to know.
pub async fn report(config: &Config, as_json: bool) -> anyhow::Result<()> {
    let orders = open_orders(config).await?;
    let report = orders.report().await?;
    let keys = open_votes(config).await?.key_counts().await?;
    if as_json {
        println!("{:#}", to_json(&report, &keys));
    } else {
        print!("{}", to_text(&report, &keys));
    }
    Ok(())
}

/// Forgets a row of surplus.
pub async fn returned(config: &Config, surplus: Uuid) -> anyhow::Result<()> {
    let orders = open_orders(config).await?;
    let found = orders.settle_surplus(surplus).await?;
    anyhow::ensure!(found, "the report lists no such row of surplus");
    orders.forget_deleted().await?;
    println!("The row is settled.");
    Ok(())
}

/// Asks the custodians about open transfers of orders that wait for no money.
pub async fn ask(config: &Config, clock: Clock) -> anyhow::Result<()> {
    let orders = open_orders(config).await?;
    let transfers = transfers(config, orders.clone(), clock, &Rules::default())?;
    let (mut ended, mut open) = (0, 0);
    for transfer in orders.report().await?.unresolved {
        let order = orders.order(transfer.order_id).await?;
        let order = order.context("a transfer has no order")?;
        match transfers.refresh(&order, transfer).await {
            Ok(transfer) if !transfer.status.is_open() => ended += 1,
            Ok(_) | Err(Error::Custodian(_) | Error::Transfer(_)) => open += 1,
            Err(error) => return Err(error.into()),
        }
    }
    println!("Transfers that have ended: {ended}; still open: {open}");
    Ok(())
}

async fn open_orders(config: &Config) -> anyhow::Result<Arc<dyn OrdersDatabase>> {
    orders::open(config.orders_database.url.expose_secret()).await
}

async fn open_votes(config: &Config) -> anyhow::Result<Arc<dyn VotesDatabase>> {
    let topic = Topics::of(&config.environment).vote;
    let rules = Rules::default().votes;
    votes::open(config.votes_database.url.expose_secret(), topic, rules).await
}

fn to_json(report: &Report, keys: &[KeyCount]) -> serde_json::Value {
    let counted = |counts: &[(String, u64)]| -> serde_json::Value {
        let counts = counts
            .iter()
            .map(|(name, count)| (name.clone(), json!(count)));
        counts.collect::<serde_json::Map<_, _>>().into()
    };
    let funds = report.funds.iter().map(|total| {
        json!({
            "source": total.source, "value": total.value, "currency": total.currency,
            "received": total.received, "votesSold": total.votes_sold,
            "votesToSetOff": total.votes_to_set_off,
        })
    });
    let surplus = report.surplus.iter().map(|one| {
        json!({
            "id": one.id, "orderId": one.order_id, "custodian": custodian(one),
            "externalId": one.external_id, "reason": one.reason, "currency": one.currency, "amount": one.amount, "day": one.day,
        })
    });
    let unresolved = report.unresolved.iter().map(|transfer| {
        json!({
            "orderId": transfer.order_id, "custodian": transfer.custodian.as_str(),
            "externalId": transfer.external_id, "status": transfer.status.as_str(),
            "currency": transfer.currency, "amount": transfer.amount,
        })
    });
    let keys = keys.iter().map(|key| {
        json!({
            "keyId": key.key, "tokensCounted": key.tokens_counted,
            "redeemedTotal": key.redeemed_total,
        })
    });
    json!({
        "orders": counted(&report.orders),
        "transfers": counted(&report.transfers),
        "credentials": counted(&report.credentials),
        "funds": funds.collect::<Vec<_>>(),
        "surplus": surplus.collect::<Vec<_>>(),
        "unresolved": unresolved.collect::<Vec<_>>(),
        "keys": keys.collect::<Vec<_>>(),
    })
}

fn to_text(report: &Report, keys: &[KeyCount]) -> String {
    let lines = [sold(report, keys), to_give_back(report), unresolved(report)].concat();
    lines
        .iter()
        .flat_map(|line| [line.as_str(), "\n"])
        .collect()
}

/// How many there are of what, and what was sold for what.
fn sold(report: &Report, keys: &[KeyCount]) -> Vec<String> {
    let counts = [
        ("orders", &report.orders),
        ("transfers", &report.transfers),
        ("credentials", &report.credentials),
    ];
    let counts = counts.into_iter().flat_map(|(title, counts)| {
        let counts = counts.iter();
        counts.map(move |(name, count)| format!("{title:<12} {name:<12} {count:>10}"))
    });
    let funds = report.funds.iter().map(|total| {
        format!(
            "funds        {} at {} {}: {} received, {} votes sold, {} of them to set off",
            total.source,
            total.value,
            total.currency,
            total.received,
            total.votes_sold,
            total.votes_to_set_off
        )
    });
    let keys = keys.iter().map(|key| {
        let missing = key.redeemed_total.saturating_sub(key.tokens_counted);
        format!(
            "key          {}: {} tokens counted, {missing} redeemed and never repeated",
            key.key, key.tokens_counted
        )
    });
    counts.chain(funds).chain(keys).collect()
}

fn to_give_back(report: &Report) -> Vec<String> {
    let mut amounts = report.surplus.iter().map(|one| one.amount);
    let total = amounts.try_fold(Amount::ZERO, Amount::checked_add);
    let title = format!(
        "surplus      {} rows, {} in all",
        report.surplus.len(),
        total.unwrap_or(Amount::MAX)
    );
    let rows = report.surplus.iter().map(|one| {
        format!(
            "  {} {} {:<10} {} {} order {} {} {}",
            one.id,
            one.day,
            one.reason,
            one.amount,
            one.currency,
            one.order_id,
            custodian(one),
            one.external_id.as_deref().unwrap_or("-"),
        )
    });
    iter::once(title).chain(rows).collect()
}

fn unresolved(report: &Report) -> Vec<String> {
    let title = format!(
        "unresolved   {} open transfers of orders that wait for no money",
        report.unresolved.len()
    );
    let rows = report.unresolved.iter().map(|one| {
        format!(
            "  {} {:<10} {} {} order {} {}",
            one.custodian,
            one.status.as_str(),
            one.amount,
            one.currency,
            one.order_id,
            one.external_id.as_deref().unwrap_or("-"),
        )
    });
    iter::once(title).chain(rows).collect()
}

fn custodian(surplus: &Surplus) -> &'static str {
    surplus
        .custodian
        .map_or("-", crate::domain::transfer::Custodian::as_str)
}
