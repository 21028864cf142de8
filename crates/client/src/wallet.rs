//! What a client must not lose, on disk before it is acted on.
//!
//! Each state is written whole to a new file, synced, and renamed over the old one: after a crash
//! at any instant the wallet is as it was before or after a save. A file readable by others would
//! hand them the tokens, so it is made for its owner only.
//!
//! One program at a time works with a wallet: two would each save what the other does not know, and
//! tokens would be lost. The lock is on a file beside it, because each save replaces the wallet's own.

use std::{
    fs::{File, OpenOptions, TryLockError, rename},
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
    /// The user decided to vote with its tokens, however small their crowd is.
    pub vote_anyway: bool,
    /// How far it got.
    pub stage: Stage,
}

/// How far a purchase got.
#[derive(Deserialize, Serialize)]
pub enum Stage {
    /// The tokens are here, and on no vote yet.
    Holding {
        /// The key that signed them.
        key_id: KeyId,
        /// The key signs until then. A wallet that was written before this was kept has a time long past, so its
        /// votes leave from now on.
        #[serde(default)]
        sign_until: DateTime<Utc>,
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

/// Names the stage only: whoever has the idempotency key of an order is given its capability.
impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Holding { .. } => "Holding",
            Self::Ordering { .. } => "Ordering",
            Self::Paying { .. } => "Paying",
            Self::Signing { .. } => "Signing",
            Self::Spent { .. } => "Spent",
        })
    }
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
    /// When it is sent next.
    pub due: DateTime<Utc>,
    /// How often it was sent. After the first time it is repeated until it is settled.
    pub attempts: u32,
    /// Its tokens are taken until then.
    pub redeem_until: DateTime<Utc>,
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
    /// It was never sent, and there is no time left to begin: its tokens lapse.
    LeftOver,
    /// It never will be.
    Refused {
        /// The status.
        status: u16,
        /// The problem's slug.
        slug: Option<String>,
    },
    /// It was sent, and no answer came for as long as one can be expected. It may be counted or not.
    Unanswered,
}

/// The state and the file it is kept in, which nobody else writes while this value lives.
#[derive(Debug)]
pub struct Wallet {
    path: PathBuf,
    /// What is in the file, and what will be after [`Self::save`].
    pub state: State,
    /// Released by the operating system with the last handle, also when the program is killed.
    _lock: File,
}

impl Wallet {
    /// Opens the wallet at `path`, or begins one there.
    ///
    /// Fails with [`io::ErrorKind::ResourceBusy`] while another program has it open.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let lock = lock(&path)?;
        let state = Self::read(&path)?;
        Ok(Self {
            path,
            state,
            _lock: lock,
        })
    }

    /// What the wallet at `path` holds, also while another program works with it: every file that
    /// ever stood there is whole.
    pub fn read(path: &Path) -> io::Result<State> {
        match File::open(path) {
            Ok(file) => {
                let mut text = Vec::new();
                file.take(WALLET_BYTES_MAX).read_to_end(&mut text)?;
                Ok(serde_json::from_slice(&text)?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
            Err(error) => Err(error),
        }
    }

    /// Makes the state durable. Nothing that depends on it may be sent before this returns.
    pub fn save(&self) -> io::Result<()> {
        let text = serde_json::to_vec(&self.state)?;
        let new = self.path.with_added_extension("new");
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

/// Takes the lock of the wallet at `path`. Its file stays: a file that is removed can be locked twice.
fn lock(path: &Path) -> io::Result<File> {
    let file = private(&path.with_added_extension("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(
            io::ErrorKind::ResourceBusy,
            format!(
                "another program works with the wallet {}: wait until it has ended, or end it; \
                 `status` may be asked at any time",
                path.display()
            ),
        )),
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
