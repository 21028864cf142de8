//! Asks custodians about transfers that are still pending, and finishes cards' transfers.
//!
//! Clients need not come back for their money to arrive. Dying half-way is harmless: what was not
//! moved on is found again and asked for again.

use std::{collections::HashSet, fmt, sync::Mutex};

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use service_kit::jobs::{Job, Next};

use crate::{
    domain::transfer::{Transfer, TransferStatus},
    error::Error,
    transfers::{Transfers, schedule::Schedule},
};

/// How many transfers are read at once.
const PAGE: u32 = 200;

/// The longest that the job sleeps: a transfer that was named meanwhile is found then.
const PAUSE_MAX: TimeDelta = TimeDelta::minutes(15);

/// The shortest, so that it does not spin over a custodian that is down.
const PAUSE_MIN: TimeDelta = TimeDelta::seconds(30);

/// The job.
pub struct TransfersJob {
    /// Asks and records.
    pub transfers: Transfers,
    /// For how long a transfer is asked for often; afterwards once a day.
    pub often: TimeDelta,
    /// How old its order may get while it is asked for at all.
    pub ever: TimeDelta,
    schedule: Mutex<Schedule>,
}

impl TransfersJob {
    /// The job, which asks often for `often`, and not about orders older than `ever`.
    pub fn new(transfers: Transfers, often: TimeDelta, ever: TimeDelta) -> Self {
        Self {
            transfers,
            often,
            ever,
            schedule: Mutex::default(),
        }
    }

    async fn ask(&self, transfer: Transfer, now: DateTime<Utc>) {
        let order = match self.transfers.store.order(transfer.order_id).await {
            Ok(Some(order)) => order,
            Ok(None) => return,
            Err(error) => return failed(&error.into()),
        };
        // A quote lapses within hours of its last try, so it is asked for until it has.
        let is_quote = transfer.status == TransferStatus::Quoted;
        if !is_quote && now - order.kept_from >= self.ever {
            return;
        }
        match self.transfers.refresh(&order, transfer).await {
            Ok(_) | Err(Error::Custodian(_)) => {}
            Err(error) => failed(&error),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Schedule> {
        self.schedule
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[async_trait]
impl Job for TransfersJob {
    fn name(&self) -> &'static str {
        "transfers"
    }

    async fn run_once(&self) -> anyhow::Result<Next> {
        let mut after = None;
        let mut pending = HashSet::new();
        loop {
            let page = self.transfers.store.open_transfers(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for transfer in page {
                let now = self.transfers.clock.now();
                let (id, is_late) = (transfer.id, now - transfer.created_at >= self.often);
                pending.insert(id);
                if self.lock().is_due(id, now) {
                    let is_quote = transfer.status == TransferStatus::Quoted;
                    self.ask(transfer, now).await;
                    self.lock().asked(id, now, is_late && !is_quote);
                }
            }
        }
        let mut schedule = self.lock();
        schedule.keep(&pending);
        let now = self.transfers.clock.now();
        let next = schedule.next().unwrap_or(now + PAUSE_MAX);
        Ok(Next::At(next.clamp(now + PAUSE_MIN, now + PAUSE_MAX)))
    }
}

fn failed(error: &Error) {
    tracing::error!(
        error = error as &dyn std::error::Error,
        "a pending transfer could not be moved on and will be asked for again"
    );
}

impl fmt::Debug for TransfersJob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransfersJob").finish_non_exhaustive()
    }
}
