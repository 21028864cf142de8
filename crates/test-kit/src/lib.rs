//! What tests share: running systems, and ways to hurt them.
//!
//! | Question | Module |
//! |---|---|
//! | How does a test get a whole system, and time that passes at will? | [`world`] |
//! | How does it get real processes that it can kill? | [`fleet`], [`process`], [`programs`] |
//! | Who uses them meanwhile? | [`load`] |
//! | How does it get star-collector's parts, their clients, and what must be reported of these? | [`measurements`] |
//! | What did the system store, and what does it say that it did? | [`stores`], [`database`], [`stored`], [`books`], [`totals`] |
//! | How is a store set back, or lost? | [`Stores`] |
//! | Where does a service fail inside? | [`faults`] |
//! | How does a connection break, or one address lead to several processes? | [`proxy`] |
//! | What real engines does it run on, and how do they die? | [`engines`] |
//! | How does a disk run full, or a machine's clock jump? | [`disk`], [`jumps`] |

mod backups;
pub mod books;
pub mod card;
pub mod database;
pub mod disk;
pub mod engines;
pub mod faults;
pub mod fleet;
mod http;
pub mod jumps;
pub mod load;
pub mod measurements;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod stored;
pub mod stores;
pub mod totals;
pub mod world;

pub use faults::Faults;
pub use stores::Stores;
pub use world::World;
