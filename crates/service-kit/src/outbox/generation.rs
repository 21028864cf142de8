//! A new life of an outbox, after its database or the event log was restored (threat T19).

use std::time::Duration;

use anyhow::Context as _;

use super::Outbox;
use crate::{
    event_log::{EventLog, PublisherId},
    lease::{Claim, Holder, Lease},
};

/// The lease of a process that was killed runs out within this time.
const LEASE_TRIES_MAX: u32 = 60;

/// How long it is held: drawing a generation takes a moment.
const LEASE_LASTS: Duration = Duration::from_secs(30);

/// Begins a new life of `outbox`, which is published to `log` under `name`. Answers how many records of
/// the old life the log has.
///
/// It shuts out whoever published for the old life, asks the log how far that one came, drops what was
/// published, and begins a new life with the rest. What was taken in after the backup and published
/// comes out again, with the same ids.
pub async fn new_generation(
    outbox: &dyn Outbox,
    log: &dyn EventLog,
    name: &str,
) -> anyhow::Result<u64> {
    let lease = lease_alone(outbox).await?;
    let begun = begin(outbox, log, name, &lease).await;
    // Also when it failed: whoever tries again need not wait for the end of the lease.
    outbox.release_lease(&lease).await?;
    begun
}

async fn begin(
    outbox: &dyn Outbox,
    log: &dyn EventLog,
    name: &str,
    lease: &Lease,
) -> anyhow::Result<u64> {
    let generation = outbox.state().await?.generation;
    let id = PublisherId {
        name: name.to_owned(),
        generation,
    };
    let mut old = log
        .publisher(&id)
        .await
        .context("the old publisher cannot be shut out")?;
    // A log that never heard of it has nothing that could be dropped here.
    let published = old.position().await?.unwrap_or(0);
    outbox.renew_generation(lease, published).await?;
    Ok(published)
}

/// The lease of `outbox`, once no other process has it. An operator's command takes it for what must not happen while
/// a service runs.
pub async fn lease_alone(outbox: &dyn Outbox) -> anyhow::Result<Lease> {
    let holder = Holder::random();
    for _ in 0..LEASE_TRIES_MAX {
        if let Some(lease) = outbox.take_lease(Claim::now(holder, LEASE_LASTS)).await? {
            return Ok(lease);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    anyhow::bail!("a running process publishes this outbox: stop it first")
}
