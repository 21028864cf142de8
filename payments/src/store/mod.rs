//! Storage.

pub mod figures;
pub mod orders;
pub mod publications;
pub mod votes;
