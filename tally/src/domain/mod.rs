//! Types and rules, with no I/O.

pub mod account;
pub mod closing;
pub mod day;
pub mod funds;
pub mod head;
pub mod ledger;
pub mod mark;
pub mod month;
pub mod refusal;
pub mod split;
pub mod vote;
pub mod vote_batch;

pub use account::Account;
pub use head::{HeadKey, LedgerHead};
pub use ledger::{Entry, Transfer};
pub use mark::RecordMark;
pub use month::Month;
pub use refusal::Refusal;
pub use vote::VoteReader;
pub use vote_batch::{VoteBatch, VoteGroup};
