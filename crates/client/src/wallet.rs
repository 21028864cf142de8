//! What a client must not lose, on disk before it is acted on.
//!
//! Each state is written whole to a new file, synced, and renamed over the old one: after a crash
//! at any instant the wallet is as it was before or after a save. A file readable by others would
//! hand them the tokens, so it is made for its owner only.

use std::{
    fs::{File, OpenOptions, rename},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};
use messages::{FundingSource, KeyId, PublicKey, money::Amount};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    directory::Memory,
    payer::Draft,
    tokens::{Blinding, Unspent},
};

/// A wallet with 100 purchases of 400 tokens has some 10 MB.
const WALLET_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Everything a client remembers.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct State {
    /// What it saw of the key directory.
    pub directory: Memory,
    /// What it bought, or began to buy.
    pub purchases: Vec<Purchase>,
    /// Its votes, in the order in which they were made.
    pub votes: Vec<PreparedVote>,
}

/// A purchase of tokens.
#[derive(Debug, Deserialize, Serialize)]
pub struct Purchase {
    /// Whose money pays.
    pub source: FundingSource,
    /// The SKU token.
    pub sku: String,
    /// How many tokens.
    pub quantity: u32,
    /// In how many transfers.
    pub parts: u32,
    /// How far it got.
    pub stage: Stage,
}

/// How far a purchase got.
#[derive(Debug, Deserialize, Serialize)]
pub enum Stage {
    /// The tokens are here, and on no vote yet.
    Holding {
        /// The key that signed them.
        key_id: KeyId,
        /// They are taken until then.
        redeem_until: DateTime<Utc>,
        /// The tokens.
        tokens: Vec<Unspent>,
    },
    /// The order is sent under this key until it is answered: a repeat makes no second order.
    Ordering {
        /// The idempotency key.
        idempotency_key: Uuid,
    },
    /// The order is being paid.
    Paying {
        /// The order.
        order: OrderRef,
        /// Its transfers, each written down before money moves.
        transfers: Vec<Draft>,
    },
    /// The order is paid, and these points are to be signed. No others ever are, for this order.
    Signing {
        /// The order.
        order: OrderRef,
        /// The tokens.
        blinding: Blinding,
        /// When their points were first sent.
        first_sent: Option<DateTime<Utc>>,
    },
    /// Every token is on a vote.
    Spent {
        /// The key that signed them.
        key_id: KeyId,
    },
}

/// What a client needs to know of its order.
#[derive(Clone, Deserialize, Serialize)]
pub struct OrderRef {
    /// The order's id.
    pub id: Uuid,
    /// Its only item's id.
    pub item_id: Uuid,
    /// What allows to pay it and to have its tokens signed.
    pub capability: String,
    /// What is to be paid.
    pub total: Amount,
    /// In which currency.
    pub currency: String,
}

/// Shows the ids only.
impl std::fmt::Debug for OrderRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OrderRef")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// A vote with its tokens, as it is sent, however often.
#[derive(Deserialize, Serialize)]
pub struct PreparedVote {
    /// When it is sent first.
    pub due: DateTime<Utc>,
    /// The key of its tokens.
    pub key: PublicKey,
    /// How many tokens it has.
    pub tokens: usize,
    /// The request's body, byte for byte; forgotten when the vote is settled.
    pub body: String,
    /// What became of it.
    pub outcome: Option<Outcome>,
}

/// Shows no token.
impl std::fmt::Debug for PreparedVote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedVote")
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// What became of a vote.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Outcome {
    /// It will be counted.
    Counted,
    /// It never will be.
    Refused {
        /// The status.
        status: u16,
        /// The problem's slug.
        slug: Option<String>,
    },
}

/// The state and the file it is kept in.
#[derive(Debug)]
pub struct Wallet {
    path: PathBuf,
    /// What is in the file, and what will be after [`Self::save`].
    pub state: State,
}

impl Wallet {
    /// Opens the wallet at `path`, or begins one there.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let state = match File::open(&path) {
            Ok(file) => {
                let mut text = Vec::new();
                file.take(WALLET_BYTES_MAX).read_to_end(&mut text)?;
                serde_json::from_slice(&text)?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => State::default(),
            Err(error) => return Err(error),
        };
        Ok(Self { path, state })
    }

    /// Makes the state durable. Nothing that depends on it may be sent before this returns.
    pub fn save(&self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.state)?;
        let new = self.path.with_extension("new");
        let mut file = private(&new)?;
        file.write_all(&text)?;
        file.sync_all()?;
        rename(&new, &self.path)?;
        let folder = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        // The rename itself is in the folder.
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// A new file for its owner only.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests;
