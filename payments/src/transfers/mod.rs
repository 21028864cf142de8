//! Taking transfers: ask the custodian, check, record, settle (contracts §2, transfers).
//!
//! | Question | Module |
//! |---|---|
//! | A user's transfer at Uphold or Gemini | here |
//! | A card's signed transfer, in two steps | `card` |
//! | An order that waited long enough | `cancel` |
//! | When is a pending transfer asked for again? | [`schedule`] |
//!
//! A crash at any point loses nothing: what was asked of a custodian is found again by its id, and what
//! is recorded is recorded once.

mod cancel;
mod card;
pub mod schedule;

use std::{fmt, sync::Arc};

use chrono::{DateTime, Utc};
use clock::Clock;
use messages::payments::OrderStatus;
use service_kit::fault::FaultPoints;
use uuid::Uuid;

use crate::{
    custodians::{CustodianError, Custody},
    domain::{
        derivation::OrderSecret,
        order::{self, Order},
        transfer::{self, Answer, Custodian, Expected, Misfit, Transfer, TransferRules},
    },
    error::Error,
    store::orders::{Claim, NewTransfer, Recording, Store},
};

/// Takes transfers.
#[derive(Clone)]
pub struct Transfers {
    /// Where they are recorded.
    pub store: Arc<dyn Store>,
    /// Who knows of them.
    pub custody: Arc<dyn Custody>,
    /// References and hashes are derived from this.
    pub secret: OrderSecret,
    /// Whether a transfer must carry a reference of its order.
    pub require_reference: bool,
    /// The most transfers of one order.
    pub order_transfers_max: u32,
    /// The calendar.
    pub clock: Clock,
    /// The checks.
    pub rules: TransferRules,
    /// Points at which a test makes it fail.
    pub fault: FaultPoints,
}

/// A transfer after a request named it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Named {
    /// The transfer.
    pub transfer: Transfer,
    /// Whether it was recorded by this request.
    pub is_new: bool,
}

impl Transfers {
    /// Records the transfer `id` at `custodian` for `order`, or finds that this was done before.
    pub async fn name(
        &self,
        order: &Order,
        custodian: Custodian,
        id: Uuid,
    ) -> Result<Named, Error> {
        let id = id.to_string();
        let name = self.hash(order.id, custodian.as_str(), id.as_bytes());
        if let Some(before) = self.before(order, &name).await? {
            return Ok(before);
        }
        let answer = self.custody.look_up(custodian, &id).await?;
        let references = self.references(order);
        let allowed = self.require_reference.then_some(references.as_slice());
        let expected = self.expected(order, custodian, &id);
        transfer::check(&answer, expected, allowed, &self.rules)?;
        self.fault.at("transfer-read")?;

        let carried = answer.reference.as_deref();
        let new = NewTransfer {
            names: vec![name],
            reference: position(&references, carried),
            card_amount: None,
            transfers_max: self.order_transfers_max,
            transfer: self.transfer(order, custodian, answer, None),
        };
        let recording = self.store.record(order, &new, self.clock.now()).await?;
        self.fault.at("transfer-recorded")?;
        self.named(order, recording).await
    }

    /// Asks again about a recorded transfer and moves it on.
    pub async fn refresh(&self, order: &Order, transfer: Transfer) -> Result<Transfer, Error> {
        let Some(id) = transfer
            .external_id
            .clone()
            .filter(|_| transfer.status.is_open())
        else {
            return Ok(transfer);
        };
        if transfer.status == transfer::TransferStatus::Quoted {
            return self.finish_quote(order, transfer).await;
        }
        let answer = self.custody.look_up(transfer.custodian, &id).await?;
        self.move_on(order, transfer, answer).await
    }

    /// Records what `answer` says of a transfer, if it still is what was recorded.
    async fn move_on(
        &self,
        order: &Order,
        transfer: Transfer,
        answer: Answer,
    ) -> Result<Transfer, Error> {
        let id = transfer.external_id.clone().unwrap_or_default();
        let expected = self.expected(order, transfer.custodian, &id);
        if let Err(misfit) = transfer::check_about(&answer, expected, &self.rules) {
            // It fitted once. Nothing counts before it fits again.
            tracing::error!(
                custodian = transfer.custodian.as_str(),
                reason = %misfit,
                "a custodian says something else about a recorded transfer than before"
            );
            return Err(Misfit::OtherTransfer.into());
        }
        let (status, amount) = (answer.status, answer.amount);
        let moved = self
            .store
            .move_on(transfer.id, status, amount, self.clock.now())
            .await?;
        Ok(moved.unwrap_or(transfer))
    }

    /// The transfer, if it was recorded for this order before, as its custodian sees it now.
    async fn before(&self, order: &Order, name: &[u8; 32]) -> Result<Option<Named>, Error> {
        match self.store.claim(order.id, name).await? {
            Claim::Free => Ok(None),
            Claim::Own(transfer) => Ok(Some(self.again(order, transfer).await?)),
            Claim::Used => Err(Error::TransferUsed),
        }
    }

    async fn again(&self, order: &Order, transfer: Transfer) -> Result<Named, Error> {
        let known = transfer.clone();
        let transfer = match self.refresh(order, transfer).await {
            Ok(transfer) => transfer,
            // It is recorded, and the job asks on: what is known is an answer.
            Err(Error::Custodian(_) | Error::Transfer(_)) => known,
            Err(error) => return Err(error),
        };
        Ok(Named {
            transfer,
            is_new: false,
        })
    }

    async fn named(&self, order: &Order, recording: Recording) -> Result<Named, Error> {
        match recording {
            Recording::Before(transfer) => self.again(order, transfer).await,
            Recording::First(transfer) => Ok(Named {
                transfer,
                is_new: true,
            }),
            Recording::NotOwed if order.status == OrderStatus::Canceled => {
                Err(Error::OrderCanceled)
            }
            Recording::NotOwed => Err(Misfit::Amount.into()),
            Recording::Stale => Err(Misfit::Reference.into()),
            Recording::TooMany => Err(Error::TooManyTransfers),
            Recording::Used => Err(Error::TransferUsed),
        }
    }

    fn expected<'a>(&'a self, order: &'a Order, custodian: Custodian, id: &'a str) -> Expected<'a> {
        Expected {
            id,
            custodian,
            destination: self.custody.settlement_address(custodian),
            currency: &order.currency,
            funding_source: order.funding_source,
        }
    }

    /// The references of the order so far: all that were used, and the current one.
    fn references(&self, order: &Order) -> Vec<Uuid> {
        let all = 0..=order.references_used;
        all.map(|number| self.secret.reference(order.id, number))
            .collect()
    }

    /// What stays of a transfer's name for ever.
    fn hash(&self, order: Uuid, kind: &str, name: &[u8]) -> [u8; 32] {
        match (self.rules.unique_within)(order) {
            None => self.secret.transfer_hash(kind, name),
            Some(within) => self
                .secret
                .transfer_hash(kind, &[name, within.as_bytes()].concat()),
        }
    }

    fn transfer(
        &self,
        order: &Order,
        custodian: Custodian,
        answer: Answer,
        payment_id: Option<Uuid>,
    ) -> Transfer {
        let now: DateTime<Utc> = order::hour(self.clock.now());
        Transfer {
            id: Uuid::new_v4(),
            order_id: order.id,
            custodian,
            external_id: Some(answer.id),
            payment_id,
            status: answer.status,
            currency: answer.currency,
            amount: answer.amount,
            created_at: now,
            updated_at: now,
        }
    }
}

/// Shows nothing of a transfer.
impl fmt::Debug for Transfers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfers")
            .field("custody", &self.custody)
            .finish_non_exhaustive()
    }
}

/// The number of the reference that is carried.
fn position(references: &[Uuid], carried: Option<&str>) -> Option<u32> {
    let carried = carried?;
    let found = references.iter().position(|one| one.to_string() == carried);
    found.and_then(|number| u32::try_from(number).ok())
}

/// Whether an error means that the custodian knows of no such transfer.
fn is_unknown(error: CustodianError) -> bool {
    error == CustodianError::NotFound
}

#[cfg(test)]
mod tests;
