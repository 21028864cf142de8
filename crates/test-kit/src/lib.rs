//! What tests share: running systems, and ways to hurt them.
//!
//! | Question | Module |
//! |---|---|
//! | How does a test get a whole system, and time that passes at will? | [`world`] |
//! | What real engines does it run on, if any? | [`engines`] |
//! | How does it get real processes that it can kill? | [`fleet`], [`process`], [`programs`] |
//! | Who uses them meanwhile? | [`load`] |
//! | What did the system store, and what does it say that it did? | [`stores`], [`database`], [`stored`], [`books`] |
//! | How is a store set back, or lost? | [`Stores`] |
//! | Where does a service fail inside? | [`faults`] |
//! | How does a connection between two services break? | [`proxy`] |

mod backups;
pub mod books;
pub mod card;
pub mod database;
pub mod engines;
pub mod faults;
pub mod fleet;
mod http;
pub mod load;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod stored;
pub mod stores;
pub mod world;

pub use faults::Faults;
pub use stores::Stores;
pub use world::World;
