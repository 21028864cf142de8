//! Versions of clients: numbers with dots between them, the first of which weighs most.

use std::str::FromStr;

/// The most numbers of a version.
const NUMBERS_MAX: usize = 8;

/// A version, such as `3` or `1.2.10`: behind its last number there are zeros.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version([u32; NUMBERS_MAX]);

/// The text is no version.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a version is 1 to {NUMBERS_MAX} numbers with dots between them")]
pub struct NoVersion;

impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let mut numbers = [0; NUMBERS_MAX];
        for (place, number) in text.split('.').enumerate() {
            *numbers.get_mut(place).ok_or(NoVersion)? = decimal(number).ok_or(NoVersion)?;
        }
        Ok(Self(numbers))
    }
}

/// A number in digits alone: no sign, no space.
pub(super) fn decimal(text: &str) -> Option<u32> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        for (older, newer) in [("2", "3"), ("9", "10"), ("1.9", "1.10"), ("1.2", "1.2.1")] {
            assert!(version(older) < version(newer), "{older} {newer}");
        }
        assert_eq!(version("3"), version("3.0.0"));
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in [
            "",
            ".",
            "1.",
            ".1",
            "+1",
            "-1",
            "1 ",
            "a",
            "1.x",
            "4294967296",
            "1.1.1.1.1.1.1.1.1",
        ] {
            assert_eq!(text.parse::<Version>(), Err(NoVersion), "{text}");
        }
    }
}
