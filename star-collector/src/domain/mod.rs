//! What a measurement is, and how it is opened: no I/O.
//!
//! | Question | Module |
//! |---|---|
//! | What may bytes from a client look like? | [`wire`] |
//! | What belongs to a message that is opened layer by layer? | [`body`] |
//! | Which messages belong together? | [`group`] |
//! | How are shares put together, and what does their secret open? | [`secret`], [`field`], [`cipher`] |
//! | How are forged shares found among them? | [`decoding`] |
//! | Which groups go on waiting when too much waits? | [`sampling`] |
//! | When does an epoch begin and end? | [`epochs`] |
//! | Under which rules does a channel take messages? | [`channel`] |
//! | What is published? | [`report`] |

pub mod body;
pub mod channel;
pub mod cipher;
pub mod decoding;
pub mod epochs;
pub mod field;
pub mod group;
pub mod report;
pub mod sampling;
pub mod secret;
pub mod wire;
