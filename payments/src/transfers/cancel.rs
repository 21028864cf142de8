//! Canceling orders that have waited long enough for the rest of their money.

use chrono::{DateTime, TimeDelta, Utc};

use super::Transfers;
use crate::{custodians::CustodianError, domain::order::Order, error::Error};

/// How many orders are read at once.
const PAGE: u32 = 100;

/// How long an order waits for a custodian that does not answer the last question about its transfers.
const LAST_ANSWER_WAIT: TimeDelta = TimeDelta::days(3);

impl Transfers {
    /// Cancels the orders that have had a transfer since before `before` and are not paid, after each of
    /// their open transfers was asked for one last time.
    pub async fn cancel_overdue(&self, before: DateTime<Utc>) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = self.store.overdue(before, after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(());
            };
            after = Some(last.id);
            for order in &page {
                let waits = order.kept_from >= before - LAST_ANSWER_WAIT;
                if self.asked_last(order).await? || !waits {
                    self.store.cancel(order.id, self.clock.now()).await?;
                }
            }
        }
    }

    /// Asks for each open transfer of an order. `false`: somebody did not answer.
    async fn asked_last(&self, order: &Order) -> Result<bool, Error> {
        let mut all_answered = true;
        for transfer in self.store.transfers(order.id).await? {
            match self.refresh(order, transfer).await {
                // What is answered and of no use now may be of use when its payer names it again.
                Ok(_)
                | Err(
                    Error::Transfer(_)
                    | Error::Custodian(CustodianError::NotFound | CustodianError::Refused),
                ) => {}
                Err(Error::Custodian(CustodianError::Invalid | CustodianError::Unavailable)) => {
                    all_answered = false;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(all_answered)
    }
}
