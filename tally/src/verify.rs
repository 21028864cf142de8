//! Recomputing the ledger, and comparing it with heads.

use messages::encoding::Fixed;

use crate::{
    domain::{
        LedgerHead,
        head::{WITNESS_START, witness_hash},
        ledger::{Altered, Chain},
    },
    store::{Store, StoreError},
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
    let chain = follow(store, &heads).await?;
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

/// Follows the chain through every head.
async fn follow(store: &dyn Store, heads: &[LedgerHead]) -> Result<Chain, NotVerified> {
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
