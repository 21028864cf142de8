//! Recomputing the ledger, and comparing it with heads.

use std::collections::BTreeMap;

use messages::{FundingSource, encoding::Fixed};

use crate::{
    domain::{
        Account, Entry, LedgerHead, Month, Transfer,
        closing::{fee_memo, payout_memo},
        head::{WITNESS_START, witness_hash},
        ledger::{Altered, Chain},
    },
    store::{PayoutKey, Store, StoreError},
};

/// How many entries are read at once.
const PAGE_ROWS: u32 = 1_000;

/// What was found to be as it was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verified {
    /// How many entries.
    pub entries: u64,
    /// How many signed heads.
    pub heads: usize,
    /// How many heads of the key directory.
    pub witnessed: usize,
}

/// Why the ledger is not what was written.
#[derive(Debug, thiserror::Error)]
pub enum NotVerified {
    /// The chain or the balances are broken.
    #[error(transparent)]
    Altered(#[from] Altered),
    /// What is shown of closings is not what was booked.
    #[error("fees or payouts of closed months are not those that the ledger has")]
    Closings,
    /// What was booked as received is not what payments has reported.
    #[error("the money that the ledger has received is not what was reported")]
    Funds,
    /// The chain does not lead through a head that was signed.
    #[error("the ledger does not lead through the head of {day} over {size} entries")]
    OffHead {
        /// The day of the head.
        day: chrono::NaiveDate,
        /// How many entries it covers.
        size: u64,
    },
    /// A head is not signed by the key.
    #[error("the head of {0} is not signed by the ledger's key")]
    Signature(chrono::NaiveDate),
    /// The database failed, or holds what was never written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The chain of witnessed heads is broken.
    #[error("the heads of the key directory are not those that were witnessed, from {0} on")]
    Witness(chrono::NaiveDate),
}

/// Recomputes everything. `kept` are heads that somebody kept elsewhere; `key` signs heads.
pub async fn verify(
    store: &dyn Store,
    key: &Fixed<32>,
    kept: &[LedgerHead],
) -> Result<Verified, NotVerified> {
    let mut heads = store.heads().await?;
    let stored = heads.len();
    heads.extend_from_slice(kept);
    if let Some(head) = heads.iter().find(|head| !head.is_signed_by(key)) {
        return Err(NotVerified::Signature(head.day));
    }
    let witnessed = witnessed(store, &heads).await?;
    let mut booked = Vec::new();
    let chain = follow(store, &heads, &mut booked).await?;
    // With how often each stands there: what is booked twice is paid twice.
    let mut shown = shown(store).await?;
    booked.sort_unstable();
    shown.sort_unstable();
    if booked != shown {
        return Err(NotVerified::Closings);
    }
    if paid_in(&chain.balances) != store.received().await? {
        return Err(NotVerified::Funds);
    }
    let mut balances = store.balances().await?;
    balances.retain(|_, balance| *balance != 0);
    let mut expected = chain.balances;
    expected.retain(|_, balance| *balance != 0);
    if balances != expected {
        return Err(Altered::Balances.into());
    }
    Ok(Verified {
        entries: chain.size,
        heads: stored,
        witnessed,
    })
}

/// Follows the chain through every head, and collects what closings booked.
async fn follow(
    store: &dyn Store,
    heads: &[LedgerHead],
    booked: &mut Vec<Closed>,
) -> Result<Chain, NotVerified> {
    let mut chain = Chain::default();
    let pass = |chain: &Chain| {
        for head in heads.iter().filter(|head| head.size == chain.size) {
            if head.hash != chain.hash {
                return Err(NotVerified::OffHead {
                    day: head.day,
                    size: head.size,
                });
            }
        }
        Ok(())
    };
    pass(&chain)?;
    loop {
        let entries = store.entries(chain.size, PAGE_ROWS).await?;
        for entry in &entries {
            chain.follow(entry)?;
            booked.extend(closed(entry));
            pass(&chain)?;
        }
        if entries.is_empty() {
            break;
        }
    }
    // A head above the end: entries are missing.
    match heads.iter().find(|head| head.size > chain.size) {
        Some(head) => Err(NotVerified::OffHead {
            day: head.day,
            size: head.size,
        }),
        None => Ok(chain),
    }
}

/// Follows the chain of witnessed heads through every signed head.
async fn witnessed(store: &dyn Store, heads: &[LedgerHead]) -> Result<usize, NotVerified> {
    let kept = store.directory_heads().await?;
    let mut hashes = vec![WITNESS_START];
    for (head, chain) in &kept {
        let previous = hashes.last().unwrap_or(&WITNESS_START);
        let hash = witness_hash(previous, head);
        if hash != *chain {
            return Err(NotVerified::Witness(head.day));
        }
        hashes.push(hash);
    }
    for head in heads {
        let hash = usize::try_from(head.witnessed)
            .ok()
            .and_then(|size| hashes.get(size));
        if hash != Some(&head.witnessed_hash) {
            return Err(NotVerified::Witness(head.day));
        }
    }
    Ok(kept.len())
}

/// What each source has paid in, by the balances.
fn paid_in(balances: &BTreeMap<String, i128>) -> BTreeMap<FundingSource, i128> {
    let paid = FundingSource::ALL.into_iter().map(|source| {
        let balance = balances.get(&Account::Funds(source).to_string());
        (source, -balance.copied().unwrap_or_default())
    });
    paid.filter(|(_, paid)| *paid != 0).collect()
}

/// A fee or payout of a closing: who gives and receives, how much, and for what.
type Closed = (String, String, i128, String);

fn key(transfer: &Transfer) -> Closed {
    let Transfer {
        debit,
        credit,
        amount,
        memo,
    } = transfer;
    (
        debit.to_string(),
        credit.to_string(),
        amount.base_units(),
        memo.clone(),
    )
}

fn closed(entry: &Entry) -> Option<Closed> {
    match entry.transfer.credit {
        Account::Fees | Account::Publisher(_) => Some(key(&entry.transfer)),
        Account::Expired(_) | Account::Funds(_) | Account::Pool(_) | Account::Revoked(_) => None,
    }
}

/// The fees and payouts that the API shows.
async fn shown(store: &dyn Store) -> Result<Vec<Closed>, StoreError> {
    let mut shown = Vec::new();
    for report in store.months().await? {
        for line in &report.lines {
            let Some(closing) = line.closing.filter(|closing| !closing.fee.is_zero()) else {
                continue;
            };
            shown.push(key(&Transfer {
                debit: Account::Pool(line.line.0),
                credit: Account::Fees,
                amount: closing.fee,
                memo: fee_memo(report.month, closing.votes, line.line.1),
            }));
        }
        payouts(store, report.month, &mut shown).await?;
    }
    Ok(shown)
}

async fn payouts(
    store: &dyn Store,
    month: Month,
    shown: &mut Vec<Closed>,
) -> Result<(), StoreError> {
    let mut after: Option<PayoutKey> = None;
    loop {
        let page = store.payouts(month, after.take(), PAGE_ROWS).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some((last.line.0, last.line.1, last.channel.clone()));
        for payout in page.into_iter().filter(|payout| !payout.amount.is_zero()) {
            shown.push(key(&Transfer {
                debit: Account::Pool(payout.line.0),
                memo: payout_memo(month, payout.votes, payout.line.1),
                credit: Account::Publisher(payout.channel),
                amount: payout.amount,
            }));
        }
    }
}
