//! The names in a transfer: where money lies, and what money it is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where money lies: the id of a card or an account, or any text that a custodian takes for one.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
pub struct Address(String);

impl Address {
    /// Longer than any custodian's address, and short enough to keep many.
    pub const BYTES_MAX: usize = 128;

    /// The text of the address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Address {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        match text.len() {
            1..=Self::BYTES_MAX if printable => Ok(Self(text)),
            _ => Err(NameError("an address is 1 to 128 printable ASCII bytes")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A currency's code.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String")]
pub struct Currency(String);

impl Currency {
    /// Custodians' codes are three or four letters; some tokens have longer ones.
    pub const BYTES_MAX: usize = 8;

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Currency {
    type Error = NameError;

    fn try_from(code: String) -> Result<Self, Self::Error> {
        let upper = code.bytes().all(|byte| byte.is_ascii_uppercase());
        match code.len() {
            1..=Self::BYTES_MAX if upper => Ok(Self(code)),
            _ => Err(NameError("a currency is 1 to 8 upper-case letters")),
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that names no address, or no currency.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(&'static str);
