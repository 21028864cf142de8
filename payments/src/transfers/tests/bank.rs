//! A custodian that can be told to fail.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use messages::payments::SignedTransfer;

use super::*;

/// A custodian that keeps books: what is committed has moved, once.
#[derive(Debug, Default)]
pub(super) struct Bank {
    pub(super) transfers: Mutex<BTreeMap<String, Answer>>,
    committed: Mutex<Vec<String>>,
    /// How many of the next calls fail before they do anything.
    pub(super) failing: AtomicUsize,
    /// How often it was asked about a transfer.
    pub(super) look_ups: AtomicUsize,
    /// How many of the next commits do their work and lose their answer.
    pub(super) losing: AtomicUsize,
}

impl Bank {
    pub(super) fn put(&self, id: &str, change: impl FnOnce(&mut Answer)) {
        let mut answer = Answer {
            id: id.to_owned(),
            reference: None,
            destination: OURS.to_owned(),
            currency: "BAT".to_owned(),
            amount: "10".parse().unwrap(),
            status: TransferStatus::Completed,
        };
        change(&mut answer);
        self.transfers.lock().unwrap().insert(id.to_owned(), answer);
    }

    /// Changes what it says of a transfer.
    pub(super) fn now_says(&self, id: Uuid, status: TransferStatus) {
        let mut transfers = self.transfers.lock().unwrap();
        transfers.get_mut(&id.to_string()).unwrap().status = status;
    }

    fn fails(&self) -> Result<(), CustodianError> {
        let take = |left: usize| left.checked_sub(1);
        match self
            .failing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
        {
            Ok(_) => Err(CustodianError::Unavailable),
            Err(_) => Ok(()),
        }
    }

    pub(super) fn moved(&self) -> Vec<String> {
        self.committed.lock().unwrap().clone()
    }
}

#[async_trait]
impl Custody for Bank {
    fn settlement_address(&self, _custodian: Custodian) -> &str {
        OURS
    }

    async fn look_up(&self, _custodian: Custodian, id: &str) -> Result<Answer, CustodianError> {
        self.look_ups.fetch_add(1, Ordering::SeqCst);
        self.fails()?;
        let transfers = self.transfers.lock().unwrap();
        transfers.get(id).cloned().ok_or(CustodianError::NotFound)
    }

    async fn quote(&self, _card: Uuid, signed: &SignedTransfer) -> Result<Answer, CustodianError> {
        self.fails()?;
        let signed: messages::payments::CardTransfer =
            serde_json::from_str(&signed.octets).unwrap();
        let id = format!("quote-{}", self.transfers.lock().unwrap().len());
        self.put(&id, |answer| {
            answer.reference = Some(signed.message);
            answer.amount = signed.denomination.amount;
            answer.status = TransferStatus::Pending;
        });
        Ok(self.transfers.lock().unwrap()[&id].clone())
    }

    async fn commit(&self, _card: Uuid, id: &str) -> Result<Answer, CustodianError> {
        self.fails()?;
        let mut transfers = self.transfers.lock().unwrap();
        let answer = transfers.get_mut(id).ok_or(CustodianError::NotFound)?;
        match answer.status {
            TransferStatus::Pending => self.committed.lock().unwrap().push(id.to_owned()),
            TransferStatus::Failed => return Err(CustodianError::Refused),
            _ => {}
        }
        answer.status = TransferStatus::Completed;
        let take = |left: usize| left.checked_sub(1);
        if self
            .losing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, take)
            .is_ok()
        {
            return Err(CustodianError::Unavailable);
        }
        Ok(answer.clone())
    }
}
