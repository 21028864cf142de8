//! The whole system in one process.
//!
//! | Question | Module |
//! |---|---|
//! | What does a month of it look like? | [`demo`] |
//! | What does an attacker try? | [`attacks`] |
//! | How do the services start together? | [`system`] |
//! | Where do their certificates and keys come from? | [`pki`] |
//! | How does one try it by hand? | [`up`] |

pub mod attacks;
pub mod demo;
pub mod pki;
pub mod system;
pub mod up;
