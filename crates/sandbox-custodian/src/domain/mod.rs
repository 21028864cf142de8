//! Accounts, transfers and faults: the rules of the sandbox, with no I/O.

mod account;
mod event;
mod faults;
mod ledger;
mod names;
mod refusal;
mod transfer;

pub use account::{Account, AccountRequest};
pub use event::Event;
pub use faults::{Failure, FaultSettings, Faults, Lie};
pub use ledger::Ledger;
pub use names::{Address, Currency};
pub use refusal::Refusal;
pub use transfer::{Custodian, Outcome, QuoteRequest, Stage, Status, Transfer, TransferRequest};
