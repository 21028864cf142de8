//! Storage.

pub mod figures;
pub mod publications;
pub mod votes;
