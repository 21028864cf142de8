//! Accounts and cards: who has how much, and who may sign for it.

use std::{collections::BTreeMap, fmt};

use messages::{encoding::PublicKey, money::Amount};
use serde::{Deserialize, Serialize};

use super::{Address, Currency};

/// What opens an account, or a card.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountRequest {
    /// Where the account is: an id of the caller's choice.
    pub id: Address,
    /// The ed25519 key that signs transfers from a card. An account without one is no card.
    #[serde(default)]
    pub public_key: Option<PublicKey>,
    /// The money that it starts with.
    #[serde(default)]
    pub funds: BTreeMap<Currency, Amount>,
    /// How long a transfer from this card stays `processing` after its commit.
    #[serde(default)]
    pub processing_seconds: u32,
}

/// An account, as the ledger keeps it.
#[derive(Clone, Default)]
pub struct Account {
    pub(super) public_key: Option<PublicKey>,
    pub(super) processing_seconds: u32,
    pub(super) balances: BTreeMap<Currency, Amount>,
}

impl Account {
    /// The key that signs for this card, if it is one.
    pub fn public_key(&self) -> Option<&PublicKey> {
        self.public_key.as_ref()
    }

    /// What lies on the account, by currency.
    pub fn balances(&self) -> &BTreeMap<Currency, Amount> {
        &self.balances
    }

    pub(super) fn has(&self, amount: Amount, currency: &Currency) -> bool {
        self.balances
            .get(currency)
            .is_some_and(|balance| *balance >= amount)
    }

    pub(super) fn add(&mut self, amount: Amount, currency: &Currency) {
        let balance = self.balances.entry(currency.clone()).or_default();
        *balance = balance.checked_add(amount).expect("a million amounts fit");
    }

    pub(super) fn take(&mut self, amount: Amount, currency: &Currency) {
        let balance = self.balances.entry(currency.clone()).or_default();
        *balance = balance
            .checked_sub(amount)
            .expect("the balance was checked");
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("balances", &self.balances)
            .finish_non_exhaustive()
    }
}
