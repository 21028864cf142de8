//! A card's signed transfer, in two steps that survive a crash (threat T3).
//!
//! 1. The custodian gives it an id: a *quote*. No money moves. A crash here lets the quote lapse.
//! 2. Under the order's lock the id is stored, if the amount is what is owed and the reference is the
//!    current one. What is stored counts as owed no more, so that two transfers cannot pay one debt.
//! 3. The stored id is committed. A crash here or later: the transfer is read by its id, and committed
//!    only if it is not yet.

use chrono::TimeDelta;
use messages::payments::OrderStatus;

use super::{Named, Transfers, is_unknown};
use crate::{
    custodians::CustodianError,
    domain::{
        card::CardTransaction,
        order::Order,
        transfer::{self, Answer, Custodian, Misfit, Transfer, TransferStatus},
    },
    error::Error,
    store::orders::{NewTransfer, Recording},
};

/// How old a quote must be before an unknown one counts as lapsed.
const UNKNOWN_QUOTE_AGE: TimeDelta = TimeDelta::hours(3);

/// What a card's signed text is known by before it has an id.
const OCTETS: &str = "anonymous-card-octets";

impl Transfers {
    /// Records a card's signed transfer for `order` and has it carried out, or finds that it was.
    pub async fn name_card(&self, order: &Order, card: &CardTransaction) -> Result<Named, Error> {
        let octets = self.hash(order.id, OCTETS, &card.name());
        if let Some(before) = self.before(order, &octets).await? {
            return Ok(before);
        }
        self.check_signed(order, card).await?;
        let answer = self.custody.quote(card.card, &card.signed).await?;
        self.check_quote(order, card, &answer)?;
        self.fault.at("card-quoted")?;

        let kind = Custodian::AnonymousCard;
        let by_id = self.hash(order.id, kind.as_str(), answer.id.as_bytes());
        let mut transfer = self.transfer(order, kind, answer, Some(card.card));
        transfer.status = TransferStatus::Quoted;
        let new = NewTransfer {
            names: vec![octets, by_id],
            reference: Some(order.references_used),
            card_amount: Some(self.rules.card_amount),
            transfers_max: self.order_transfers_max,
            transfer,
        };
        let recording = self.store.record(order, &new, self.clock.now()).await?;
        self.fault.at("card-stored")?;
        match recording {
            Recording::First(transfer) => Ok(Named {
                transfer: self.commit(order, transfer).await?,
                is_new: true,
            }),
            other => self.named(order, other).await,
        }
    }

    /// Finishes a transfer that has an id and may not have been committed.
    pub(super) async fn finish_quote(
        &self,
        order: &Order,
        transfer: Transfer,
    ) -> Result<Transfer, Error> {
        let id = transfer.external_id.clone().unwrap_or_default();
        match self.custody.look_up(Custodian::AnonymousCard, &id).await {
            // It was given an id and is not on its way.
            Ok(answer) if answer.status == TransferStatus::Pending => {
                self.commit(order, transfer).await
            }
            Ok(answer) => self.move_on(order, transfer, answer).await,
            Err(error) if is_unknown(error) => self.lapsed(transfer).await,
            Err(error) => Err(error.into()),
        }
    }

    /// Has a stored quote carried out, unless its order has come to wait for no money: then the quote
    /// is left to lapse.
    async fn commit(&self, order: &Order, transfer: Transfer) -> Result<Transfer, Error> {
        let stored = self.store.order(order.id).await?;
        if stored.is_none_or(|stored| stored.status != OrderStatus::Pending) {
            return self.lapsed(transfer).await;
        }
        let (Some(id), Some(card)) = (transfer.external_id.clone(), transfer.payment_id) else {
            return Ok(transfer);
        };
        let answer = match self.custody.commit(card, &id).await {
            Ok(answer) => answer,
            // Refused: it has lapsed, or the card has too little. Its status tells which.
            Err(CustodianError::Refused | CustodianError::NotFound) => {
                return self.after_refusal(order, transfer, &id).await;
            }
            // Whether it was carried out is found out by its id.
            Err(error) => return Err(error.into()),
        };
        self.fault.at("card-committed")?;
        let moved = self.move_on(order, transfer, answer).await?;
        self.fault.at("card-recorded")?;
        Ok(moved)
    }

    async fn after_refusal(
        &self,
        order: &Order,
        transfer: Transfer,
        id: &str,
    ) -> Result<Transfer, Error> {
        match self.custody.look_up(Custodian::AnonymousCard, id).await {
            // It lapses by itself, and counts as owed until then.
            Ok(answer) if answer.status == TransferStatus::Pending => Ok(transfer),
            Ok(answer) => self.move_on(order, transfer, answer).await,
            Err(error) if is_unknown(error) => self.lapsed(transfer).await,
            Err(error) => Err(error.into()),
        }
    }

    /// A quote that the custodian does not know, or that is not to be carried out, is over when there was
    /// time for that: one that was just committed must not be taken for lost.
    async fn lapsed(&self, transfer: Transfer) -> Result<Transfer, Error> {
        if self.clock.now() - transfer.created_at < UNKNOWN_QUOTE_AGE {
            return Ok(transfer);
        }
        let (status, amount) = (TransferStatus::Failed, transfer.amount);
        let moved = self
            .store
            .move_on(transfer.id, status, amount, self.clock.now())
            .await?;
        Ok(moved.unwrap_or(transfer))
    }

    /// Checks what was signed before anything is asked of the custodian.
    async fn check_signed(&self, order: &Order, card: &CardTransaction) -> Result<(), Error> {
        let signed = Answer {
            id: String::new(),
            reference: Some(card.transfer.message.clone()),
            destination: card.transfer.destination.clone(),
            currency: card.transfer.denomination.currency.clone(),
            amount: card.transfer.denomination.amount,
            status: TransferStatus::Quoted,
        };
        let current = [self.secret.reference(order.id, order.references_used)];
        let allowed = self.require_reference.then_some(current.as_slice());
        let expected = self.expected(order, Custodian::AnonymousCard, "");
        transfer::check(&signed, expected, allowed, &self.rules)?;
        if order.status == OrderStatus::Canceled {
            return Err(Error::OrderCanceled);
        }
        // Looked at again under the order's lock; here it saves the custodian a quote.
        let before = self.store.transfers(order.id).await?;
        let arriving = before
            .iter()
            .filter(|one| one.status.is_open() || one.status == TransferStatus::Completed);
        let owed = transfer::owed(order.total, arriving.map(|one| one.amount));
        if order.status != OrderStatus::Pending || !(self.rules.card_amount)(signed.amount, owed) {
            return Err(Misfit::Amount.into());
        }
        Ok(())
    }

    /// Checks that the custodian has quoted what was signed.
    fn check_quote(
        &self,
        order: &Order,
        card: &CardTransaction,
        answer: &Answer,
    ) -> Result<(), Error> {
        let expected = self.expected(order, Custodian::AnonymousCard, &answer.id);
        let is_signed = answer.amount == card.transfer.denomination.amount
            && (1..=64).contains(&answer.id.len());
        match transfer::check_about(answer, expected, &self.rules) {
            Ok(()) if is_signed => Ok(()),
            Ok(()) | Err(_) => Err(CustodianError::Invalid.into()),
        }
    }
}
