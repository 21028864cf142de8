//! The whole system in one process.
//!
//! | Question | Module |
//! |---|---|
//! | How do the services start together? | [`system`] |
//! | Where do their certificates and keys come from? | [`pki`] |
//! | How does one try it by hand? | [`up`] |

pub mod pki;
pub mod system;
pub mod up;
