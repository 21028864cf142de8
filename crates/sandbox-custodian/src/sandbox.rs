//! The handle on a sandbox: what users do at their custodian, and the faults that a test plants.

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use chrono::{DateTime, TimeDelta, Utc};
use clock::Clock;
use messages::money::Amount;
use uuid::Uuid;

use crate::{
    domain::{
        Account, AccountRequest, Address, Currency, Custodian, Event, Failure, FaultSettings,
        Faults, Ledger, Lie, QuoteRequest, Refusal, Transfer, TransferRequest,
    },
    journal::Journal,
};

/// A sandbox. Clones are handles on the same one.
#[derive(Clone)]
pub struct Sandbox {
    clock: Clock,
    quote_lapse: TimeDelta,
    inner: Arc<Mutex<Inner>>,
}

struct Inner {
    ledger: Ledger,
    faults: Faults,
    journal: Option<Journal>,
}

/// Why a call of the sandbox came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The journal could not be written.
    #[error("the journal cannot be written")]
    Journal(#[from] std::io::Error),
    /// The sandbox will not.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl Sandbox {
    /// A sandbox that forgets everything when it ends, or that keeps a journal at a path.
    pub fn open(
        journal: Option<&Path>,
        quote_lapse: TimeDelta,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let mut ledger = Ledger::default();
        let journal = match journal {
            Some(path) => {
                let (journal, events) = Journal::open(path)?;
                for event in &events {
                    ledger.apply(event);
                }
                Some(journal)
            }
            None => None,
        };
        let inner = Inner {
            ledger,
            faults: Faults::default(),
            journal,
        };
        Ok(Self {
            clock,
            quote_lapse,
            inner: Arc::new(Mutex::new(inner)),
        })
    }

    /// Opens an account, or registers a card with its key.
    pub fn open_account(&self, account: AccountRequest) -> Result<(), Error> {
        let mut inner = self.lock();
        let event = inner.ledger.open(account)?;
        inner.record(&event)
    }

    /// Makes a user's transfer, and gives it as it stands.
    pub fn transfer(&self, request: TransferRequest) -> Result<Transfer, Error> {
        let mut inner = self.lock();
        let transfer = inner.ledger.make(request, Uuid::new_v4(), self.now())?;
        inner.record(&Event::Made {
            transfer: transfer.clone(),
        })?;
        Ok(transfer)
    }

    /// Makes a quote for a card's transfer.
    pub fn quote(&self, request: QuoteRequest) -> Result<Transfer, Error> {
        let mut inner = self.lock();
        let transfer = inner
            .ledger
            .quote(request, Uuid::new_v4(), self.now(), self.quote_lapse)?;
        inner.record(&Event::Made {
            transfer: transfer.clone(),
        })?;
        Ok(transfer)
    }

    /// Commits a quote of the card. Committing again changes nothing.
    pub fn commit(&self, card: &Address, id: Uuid) -> Result<Transfer, Error> {
        let mut inner = self.lock();
        if let Some(event) = inner.ledger.commit(card, id, self.now())? {
            inner.record(&event)?;
        }
        let transfer = inner.ledger.transfer(Custodian::Uphold, id);
        transfer
            .cloned()
            .ok_or(Error::Refused(Refusal::UnknownTransfer))
    }

    /// A transfer, as it truly is.
    pub fn find(&self, custodian: Custodian, id: Uuid) -> Option<Transfer> {
        self.lock().ledger.transfer(custodian, id).cloned()
    }

    /// An account.
    pub fn account(&self, address: &Address) -> Option<Account> {
        let inner = self.lock();
        inner.ledger.account(address).cloned()
    }

    /// What lies at `address` in `currency`.
    pub fn balance(&self, address: &Address, currency: &Currency) -> Amount {
        let account = self.account(address);
        account
            .and_then(|account| account.balances().get(currency).copied())
            .unwrap_or_default()
    }

    /// All balances, by address and currency.
    pub fn balances(&self) -> BTreeMap<Address, BTreeMap<Currency, Amount>> {
        let inner = self.lock();
        let accounts = inner.ledger.accounts();
        accounts
            .map(|(address, account)| (address.clone(), account.balances().clone()))
            .collect()
    }

    /// Whether no money came from nowhere or went there.
    pub fn is_conserved(&self) -> bool {
        self.lock().ledger.is_conserved()
    }

    /// Lets calls fail from now on, as the settings say.
    pub fn set_faults(&self, settings: FaultSettings) {
        self.lock().faults.set(settings);
    }

    /// Lies about a transfer from now on, or stops to.
    pub fn lie(&self, custodian: Custodian, id: Uuid, lie: Option<Lie>) {
        self.lock().faults.tell(custodian, id, lie);
    }

    /// The lie to tell about a transfer.
    pub(crate) fn lie_about(&self, custodian: Custodian, id: Uuid) -> Option<Lie> {
        self.lock().faults.lie(custodian, id)
    }

    /// Whether this attempt at the request fails.
    pub(crate) fn next_attempt(&self, request: &str) -> Option<Failure> {
        self.lock().faults.next_attempt(request)
    }

    /// The time by which statuses are told.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// The lock, with all that is due settled. A panic while it was held leaves the ledger as it
    /// was before or after an event, so it is used on.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.ledger.settle(self.clock.now());
        inner
    }
}

impl Inner {
    /// Writes the event down and does it, in this order: what was answered is in the journal.
    fn record(&mut self, event: &Event) -> Result<(), Error> {
        if let Some(journal) = &mut self.journal {
            journal.append(event)?;
        }
        self.ledger.apply(event);
        Ok(())
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}
