//! What a measurement is, and how it is opened: no I/O.

pub mod field;
pub mod secret;
pub mod wire;
