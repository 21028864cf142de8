//! Who has what, and which transfers are on their way.
//!
//! Deciding and doing are apart: a method that decides takes `&self` and gives an [`Event`] or a [`Transfer`], and
//! [`Ledger::apply`] does it. So the journal can be written in between, and read again later.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use messages::money::Amount;
use uuid::Uuid;

use super::{
    Account, AccountRequest, Address, Currency, Custodian, Event, Outcome, QuoteRequest, Refusal,
    Stage, Transfer, TransferRequest,
};

/// A sandbox is for a machine or a test: so many of each are plenty, and fit in memory.
const ROWS_MAX: usize = 1_000_000;

/// An order's reference is 36 bytes; custodians take a short text.
const MESSAGE_BYTES_MAX: usize = 256;

/// A billion units: the sum of a million such amounts still is an [`Amount`].
const BASE_UNITS_MAX: i128 = 1_000_000_000 * 10_i128.pow(18);

/// The whole state of the sandbox.
#[derive(Debug, Default)]
pub struct Ledger {
    accounts: BTreeMap<Address, Account>,
    transfers: BTreeMap<(Custodian, Uuid), Transfer>,
    /// What has left its sender and not arrived, by the time it ends.
    under_way: BTreeSet<(DateTime<Utc>, Custodian, Uuid)>,
    /// All the money that accounts were opened with.
    opened_with: BTreeMap<Currency, i128>,
}

impl Ledger {
    /// The account at `address`.
    pub fn account(&self, address: &Address) -> Option<&Account> {
        self.accounts.get(address)
    }

    /// All accounts, by address.
    pub fn accounts(&self) -> impl Iterator<Item = (&Address, &Account)> {
        self.accounts.iter()
    }

    /// The transfer that `custodian` knows by `id`.
    pub fn transfer(&self, custodian: Custodian, id: Uuid) -> Option<&Transfer> {
        self.transfers.get(&(custodian, id))
    }

    /// Decides on a new account. An address that received money is taken, or whoever opened it
    /// would have that money.
    pub fn open(&self, account: AccountRequest) -> Result<Event, Refusal> {
        if self.accounts.len() >= ROWS_MAX {
            return Err(Refusal::SandboxFull);
        }
        if self.accounts.contains_key(&account.id) {
            return Err(Refusal::IdTaken);
        }
        if account
            .funds
            .values()
            .any(|amount| amount.base_units() > BASE_UNITS_MAX)
        {
            return Err(Refusal::InvalidAmount);
        }
        Ok(Event::Opened { account })
    }

    /// Decides on a user's transfer. Its money leaves at once.
    pub fn make(
        &self,
        request: TransferRequest,
        fresh_id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Transfer, Refusal> {
        let id = match request.custodian {
            Custodian::Gemini => request.message.parse().map_err(|_| Refusal::Malformed)?,
            Custodian::Uphold => request.id.unwrap_or(fresh_id),
        };
        let transfer = Transfer {
            custodian: request.custodian,
            id,
            from: request.from,
            from_card: false,
            amount: request.amount,
            currency: request.currency,
            destination: request.destination,
            message: request.message,
            created_at: now,
            stage: Stage::Committed {
                ends_at: request.completes_at.unwrap_or(now),
                outcome: request.outcome,
            },
        };
        self.check(&transfer)?;
        self.check_funds(&transfer)?;
        Ok(transfer)
    }

    /// Decides on a quote. No money moves before its commit.
    pub fn quote(
        &self,
        request: QuoteRequest,
        id: Uuid,
        now: DateTime<Utc>,
        lapse: TimeDelta,
    ) -> Result<Transfer, Refusal> {
        let transfer = Transfer {
            custodian: Custodian::Uphold,
            id,
            from: request.card,
            from_card: true,
            amount: request.amount,
            currency: request.currency,
            destination: request.destination,
            message: request.message,
            created_at: now,
            stage: Stage::Quoted {
                lapses_at: now + lapse,
            },
        };
        self.check(&transfer)?;
        self.check_funds(&transfer)?;
        Ok(transfer)
    }

    /// Decides on the commit of the quote `id` of the card `card`. `None`: it was committed before.
    pub fn commit(
        &self,
        card: &Address,
        id: Uuid,
        now: DateTime<Utc>,
    ) -> Result<Option<Event>, Refusal> {
        let transfer = self
            .transfer(Custodian::Uphold, id)
            .filter(|transfer| transfer.from_card && transfer.from == *card)
            .ok_or(Refusal::UnknownTransfer)?;
        let Stage::Quoted { lapses_at } = transfer.stage else {
            return Ok(None);
        };
        if now >= lapses_at {
            return Err(Refusal::QuoteLapsed);
        }
        self.check_funds(transfer)?;
        let account = self.account(card).ok_or(Refusal::UnknownAccount)?;
        let processing = TimeDelta::seconds(i64::from(account.processing_seconds));
        Ok(Some(Event::Committed {
            custodian: Custodian::Uphold,
            id,
            ends_at: now + processing,
            outcome: Outcome::Completed,
        }))
    }

    /// Does what was decided.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Committed {
                custodian,
                id,
                ends_at,
                outcome,
            } => {
                let stage = Stage::Committed {
                    ends_at: *ends_at,
                    outcome: *outcome,
                };
                if let Some(transfer) = self.transfers.get_mut(&(*custodian, *id)) {
                    transfer.stage = stage;
                    let transfer = transfer.clone();
                    self.send(&transfer, *ends_at);
                }
            }
            Event::Made { transfer } => {
                self.transfers
                    .insert((transfer.custodian, transfer.id), transfer.clone());
                if let Stage::Committed { ends_at, .. } = transfer.stage {
                    self.send(transfer, ends_at);
                }
            }
            Event::Opened { account } => {
                for (currency, amount) in &account.funds {
                    count(
                        self.opened_with.entry(currency.clone()).or_default(),
                        *amount,
                    );
                }
                let known = self.accounts.entry(account.id.clone()).or_default();
                known.public_key = account.public_key;
                known.processing_seconds = account.processing_seconds;
                for (currency, amount) in &account.funds {
                    known.add(*amount, currency);
                }
            }
        }
    }

    /// Lets everything arrive, or come back, that ends by `now`.
    pub fn settle(&mut self, now: DateTime<Utc>) {
        while let Some((ends_at, custodian, id)) = self.under_way.first().copied() {
            if ends_at > now {
                return;
            }
            self.under_way.pop_first();
            let transfer = self
                .transfers
                .get(&(custodian, id))
                .expect("what is under way is known");
            let receiver = match transfer.stage {
                Stage::Committed {
                    outcome: Outcome::Completed,
                    ..
                } => &transfer.destination,
                Stage::Committed { .. } | Stage::Quoted { .. } => &transfer.from,
            };
            let account = self.accounts.entry(receiver.clone()).or_default();
            account.add(transfer.amount, &transfer.currency);
        }
    }

    /// Whether all money is where an account was opened with it, or where a transfer took it.
    pub fn is_conserved(&self) -> bool {
        let mut found: BTreeMap<&Currency, i128> = BTreeMap::new();
        let lying = self.accounts.values().flat_map(|account| &account.balances);
        for (currency, amount) in lying {
            count(found.entry(currency).or_default(), *amount);
        }
        for (_, custodian, id) in &self.under_way {
            let transfer = self
                .transfers
                .get(&(*custodian, *id))
                .expect("what is under way is known");
            count(
                found.entry(&transfer.currency).or_default(),
                transfer.amount,
            );
        }
        let differs = |currency: &Currency| {
            found.get(currency).copied().unwrap_or_default()
                != self.opened_with.get(currency).copied().unwrap_or_default()
        };
        !found
            .keys()
            .copied()
            .chain(self.opened_with.keys())
            .any(differs)
    }

    fn send(&mut self, transfer: &Transfer, ends_at: DateTime<Utc>) {
        let sender = self.accounts.entry(transfer.from.clone()).or_default();
        sender.take(transfer.amount, &transfer.currency);
        self.under_way
            .insert((ends_at, transfer.custodian, transfer.id));
    }

    fn check(&self, transfer: &Transfer) -> Result<(), Refusal> {
        if self.transfers.len() >= ROWS_MAX {
            return Err(Refusal::SandboxFull);
        }
        if transfer.message.len() > MESSAGE_BYTES_MAX {
            return Err(Refusal::Malformed);
        }
        if transfer.amount.is_zero() || transfer.amount.base_units() > BASE_UNITS_MAX {
            return Err(Refusal::InvalidAmount);
        }
        if self
            .transfers
            .contains_key(&(transfer.custodian, transfer.id))
        {
            return Err(Refusal::IdTaken);
        }
        Ok(())
    }

    fn check_funds(&self, transfer: &Transfer) -> Result<(), Refusal> {
        let sender = self
            .account(&transfer.from)
            .ok_or(Refusal::UnknownAccount)?;
        if sender.has(transfer.amount, &transfer.currency) {
            Ok(())
        } else {
            Err(Refusal::InsufficientFunds)
        }
    }
}

fn count(sum_base_units: &mut i128, amount: Amount) {
    *sum_base_units += amount.base_units();
}
