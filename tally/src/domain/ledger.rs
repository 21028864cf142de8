//! The ledger: transfers between accounts, each chained to the one before it.
//!
//! A row takes an amount from one account and gives it to another, so all balances add up to zero by
//! construction. The chain makes every change of the past visible to whoever kept a later head.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use messages::{digest::H, encoding::Fixed, money::Amount};
use serde::Serialize;

use super::Account;

/// What the first entry is chained to.
pub const CHAIN_START: Fixed<32> = Fixed([0; 32]);

/// What an entry is to say.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Transfer {
    /// Who gives.
    pub debit: Account,
    /// Who receives.
    pub credit: Account,
    /// How much; more than zero.
    pub amount: Amount,
    /// What for.
    pub memo: String,
}

/// A row of the ledger.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// Its place, from 0 on.
    pub index: u64,
    /// The day it was booked on.
    pub day: NaiveDate,
    /// What it says.
    pub transfer: Transfer,
    /// `H("bt/ledger/1", previous hash, RFC 8785 form of this entry without its hash)`.
    pub hash: Fixed<32>,
}

/// What is hashed of an entry, as `GET /v1/ledger/entries` shows it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Hashed<'a> {
    index: u64,
    day: NaiveDate,
    debit: String,
    credit: String,
    amount: Amount,
    memo: &'a str,
}

impl Entry {
    /// The entry that follows the one with the hash `previous`.
    pub fn chained(index: u64, day: NaiveDate, transfer: Transfer, previous: &Fixed<32>) -> Self {
        let mut entry = Self {
            index,
            day,
            transfer,
            hash: CHAIN_START,
        };
        entry.hash = entry.hash_after(previous);
        entry
    }

    /// The hash that this entry has after one with the hash `previous`.
    pub fn hash_after(&self, previous: &Fixed<32>) -> Fixed<32> {
        let hashed = Hashed {
            index: self.index,
            day: self.day,
            debit: self.transfer.debit.to_string(),
            credit: self.transfer.credit.to_string(),
            amount: self.transfer.amount,
            memo: &self.transfer.memo,
        };
        let canonical = serde_json_canonicalizer::to_vec(&hashed).expect("an entry is plain data");
        let hash = H::new("bt/ledger/1")
            .part(previous.as_bytes())
            .part(&canonical);
        Fixed(hash.finish())
    }
}

/// Why a ledger is not what was written.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Altered {
    /// A balance is not the sum of its entries.
    #[error("the balances are not those of the entries")]
    Balances,
    /// An entry does not follow from those before it.
    #[error("entry {index} does not follow from those before it")]
    Entry {
        /// Its place.
        index: u64,
    },
}

/// The state of a chain up to some entry.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chain {
    /// How many entries there are.
    pub size: u64,
    /// The hash of the last one.
    pub hash: Fixed<32>,
    /// What each account has.
    pub balances: BTreeMap<String, i128>,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            size: 0,
            hash: CHAIN_START,
            balances: BTreeMap::new(),
        }
    }
}

impl Chain {
    /// Goes on with `entry`, if it follows.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), Altered> {
        let altered = Altered::Entry { index: self.size };
        let transfer = &entry.transfer;
        let fits = entry.index == self.size
            && !transfer.amount.is_zero()
            && transfer.debit != transfer.credit
            && entry.hash == entry.hash_after(&self.hash);
        if !fits {
            return Err(altered);
        }
        let amount = transfer.amount.base_units();
        for (account, change) in [(&transfer.debit, -amount), (&transfer.credit, amount)] {
            let balance = self.balances.entry(account.to_string()).or_default();
            *balance = balance.checked_add(change).ok_or(altered)?;
        }
        self.size += 1;
        self.hash = entry.hash;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use messages::FundingSource;
    use proptest::prelude::*;

    use super::*;

    fn account(n: u8) -> Account {
        match n % 4 {
            0 => Account::Fees,
            1 => Account::Funds(FundingSource::UserWallet),
            2 => Account::Pool(FundingSource::UserWallet),
            _ => Account::Publisher("example.com".parse().unwrap()),
        }
    }

    fn ledger(transfers: &[(u8, i128)]) -> Vec<Entry> {
        let mut previous = CHAIN_START;
        let day = "2026-01-31".parse().unwrap();
        (0..)
            .zip(transfers)
            .map(|(index, (who, units))| {
                let transfer = Transfer {
                    debit: account(*who),
                    credit: account(who + 1),
                    amount: Amount::from_base_units(*units).unwrap(),
                    memo: "a test".to_owned(),
                };
                let entry = Entry::chained(index, day, transfer, &previous);
                previous = entry.hash;
                entry
            })
            .collect()
    }

    fn follow(entries: &[Entry]) -> Result<Chain, Altered> {
        let mut chain = Chain::default();
        entries.iter().try_for_each(|entry| chain.follow(entry))?;
        Ok(chain)
    }

    fn transfers() -> impl Strategy<Value = Vec<(u8, i128)>> {
        proptest::collection::vec((0..4_u8, 1..10_i128.pow(30)), 1..12)
    }

    proptest! {
        #[test]
        fn what_was_written_is_accepted_and_all_balances_add_up_to_zero(transfers in transfers()) {
            let chain = follow(&ledger(&transfers)).unwrap();

            prop_assert_eq!(chain.size, transfers.len() as u64);
            prop_assert_eq!(chain.balances.values().sum::<i128>(), 0);
        }

        #[test]
        fn any_change_of_any_entry_is_found(
            transfers in transfers(),
            place in any::<prop::sample::Index>(),
            what in 0..7_u8,
        ) {
            let mut entries = ledger(&transfers);
            let place = place.index(entries.len());
            let before = entries.clone();
            let entry = &mut entries[place];
            match what {
                0 => entry.index += 1,
                1 => entry.day = entry.day.succ_opt().unwrap(),
                2 => entry.transfer.debit = Account::Expired(FundingSource::AnonymousCard),
                3 => entry.transfer.credit = Account::Expired(FundingSource::AnonymousCard),
                4 => entry.transfer.amount =
                    entry.transfer.amount.checked_add(Amount::from_base_units(1).unwrap()).unwrap(),
                5 => entry.transfer.memo.push('x'),
                _ => entry.hash.0[0] ^= 1,
            }
            prop_assert!(follow(&entries).is_err());

            // A row that is taken out shows too, unless it was the last: that shows in the head.
            let mut shorter = before;
            shorter.remove(place);
            let expected = follow(&ledger(&transfers)).unwrap();
            match follow(&shorter) {
                Ok(chain) => prop_assert_ne!(chain.hash, expected.hash),
                Err(altered) => prop_assert_eq!(altered, Altered::Entry { index: place as u64 }),
            }
        }
    }

    #[test]
    fn the_form_of_an_entry_does_not_drift() {
        let entries = ledger(&[(1, 10_i128.pow(18)), (2, 1)]);
        let hashes: Vec<_> = entries.iter().map(|entry| entry.hash.to_string()).collect();

        insta::assert_json_snapshot!(hashes);
    }
}
