//! The names of instances.

use std::{fmt, str::FromStr};

/// The longest name.
const CHARS_MAX: usize = 64;

/// The name of an instance: 1 to 64 letters, digits, hyphens and underscores, as they can stand in a path.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct InstanceName(String);

/// A text that names no instance.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the name of an instance has 1 to {CHARS_MAX} letters, digits, hyphens and underscores")]
pub struct InstanceNameError;

impl InstanceName {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for InstanceName {
    type Err = InstanceNameError;

    fn from_str(text: &str) -> Result<Self, InstanceNameError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        if (1..=CHARS_MAX).contains(&text.len()) && text.bytes().all(is_allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InstanceNameError)
        }
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_in_a_path() {
        for right in ["main", "p3a-typical_2", &"x".repeat(64)] {
            assert_eq!(right.parse::<InstanceName>().unwrap().as_str(), right);
        }
        for wrong in ["", "a/b", "a b", "ä", "a.b", "%20", &"x".repeat(65)] {
            assert_eq!(wrong.parse::<InstanceName>(), Err(InstanceNameError));
        }
    }
}
