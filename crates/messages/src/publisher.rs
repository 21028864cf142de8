//! Whom a vote is for: the channel grammar of contracts §7.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

const PROVIDERS: [&str; 6] = ["github", "reddit", "twitch", "twitter", "vimeo", "youtube"];
const KINDS: [&str; 3] = ["author", "channel", "user"];

/// A publisher: a registrable domain, or `<provider>#<kind>:<id>`.
///
/// The grammar is tight so that a vote cannot carry anything that singles out its sender (U3).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Publisher(String);

impl Publisher {
    /// The longest name: a domain name's 253 bytes.
    pub const BYTES_MAX: usize = 253;

    /// Reads a channel that was taken before: from a topic, a database or a ledger.
    ///
    /// Its form is checked, and not whether the domain is registrable by today's Public Suffix List: the
    /// list changes with each release, and what was counted and is owed must not. What a client sends is
    /// parsed instead.
    pub fn taken(channel: &str) -> Result<Self, InvalidChannel> {
        Self::with_domain(channel, is_domain)
    }

    fn with_domain(channel: &str, is_domain: fn(&str) -> bool) -> Result<Self, InvalidChannel> {
        let fits = channel.len() <= Self::BYTES_MAX
            && match channel.split_once('#') {
                Some((provider, rest)) => is_account(provider, rest),
                None => is_domain(channel),
            };
        if fits {
            Ok(Self(channel.to_owned()))
        } else {
            Err(InvalidChannel)
        }
    }

    /// Whether the channel is in the grammar by today's Public Suffix List, which what is [`Self::taken`] need not be.
    pub fn is_listed(&self) -> bool {
        self.0.parse::<Self>().is_ok()
    }

    /// The channel as it stands in a vote.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Publishers in a map are found by their text.
impl Borrow<str> for Publisher {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A channel that is not in the grammar.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a channel is a registrable domain or <provider>#<kind>:<id>")]
pub struct InvalidChannel;

impl FromStr for Publisher {
    type Err = InvalidChannel;

    fn from_str(channel: &str) -> Result<Self, InvalidChannel> {
        Self::with_domain(channel, is_registrable_domain)
    }
}

fn is_account(provider: &str, rest: &str) -> bool {
    let Some((kind, id)) = rest.split_once(':') else {
        return false;
    };
    PROVIDERS.contains(&provider)
        && KINDS.contains(&kind)
        && (1..=64).contains(&id.len())
        && id
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

fn is_domain(name: &str) -> bool {
    // Byte by byte: labels are short, and every vote that is counted has some.
    let mut labels = name.as_bytes().split(|byte| *byte == b'.');
    labels.all(is_label) && name.as_bytes().contains(&b'.')
}

fn is_registrable_domain(name: &str) -> bool {
    // A suffix that is not on the list would make every made-up name a publisher.
    is_domain(name)
        && psl::suffix(name.as_bytes()).is_some_and(|suffix| suffix.is_known())
        && psl::domain_str(name) == Some(name)
}

/// Letters, digits and hyphens (RFC 5890 §2.3.1); `??--` only as the `xn--` of an A-label.
fn is_label(label: &[u8]) -> bool {
    let ldh = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    (1..=63).contains(&label.len())
        && label.iter().all(ldh)
        && !label.starts_with(b"-")
        && !label.ends_with(b"-")
        && (label.get(2..4) != Some(b"--".as_slice()) || label.starts_with(b"xn--"))
}

impl Serialize for Publisher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Publisher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
pub(crate) mod grammar_tests;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn domains_and_accounts_are_publishers() {
        for channel in [
            "example.com",
            "duckduckgo.com",
            "bbc.co.uk",
            "xn--80ak6aa92e.com",
            "a-b.de",
            "youtube#channel:UC_x5XG1OV2P6uZZ5FSM9Ttw",
            "twitch#author:someone",
            "reddit#user:a",
        ] {
            assert!(channel.parse::<Publisher>().is_ok(), "{channel}");
        }
    }

    #[test]
    fn what_is_outside_the_grammar_is_refused() {
        let long_id = format!("github#user:{}", "a".repeat(65));
        let long_label = format!("{}.com", "a".repeat(64));
        for channel in [
            "",
            "com",
            "co.uk",
            "www.example.com",
            "Example.com",
            "example.com.",
            ".example.com",
            "example",
            "-a.com",
            "a-.com",
            "ab--c.com",
            "exämple.com",
            "a_b.com",
            "1.2.3.4",
            "example.com/path",
            "localhost",
            "a.made-up-suffix",
            "youtube#channel:",
            "youtube#playlist:x",
            "myspace#user:x",
            "youtube#channel:a b",
            "youtube#channel:a#b",
            "youtube#channel",
            "#channel:x",
            &long_id,
            &long_label,
        ] {
            assert!(channel.parse::<Publisher>().is_err(), "{channel}");
        }
    }

    #[test]
    fn what_was_taken_is_read_back_whatever_the_list_of_suffixes_says_today() {
        for channel in [
            "www.example.com",
            "co.uk",
            "a.made-up-suffix",
            "github#user:x",
        ] {
            let publisher = Publisher::taken(channel).unwrap();
            assert_eq!(publisher.as_str(), channel);
            assert_eq!(publisher.is_listed(), channel.contains('#'), "{channel}");
        }
        let long = format!("{}com", "a.".repeat(126));
        for channel in [
            "",
            "com",
            "Example.com",
            "example.com.",
            "-a.com",
            "a b.com",
            "a,b.com",
            "exämple.com",
            "myspace#user:x",
            "youtube#channel:",
            &long,
        ] {
            assert!(Publisher::taken(channel).is_err(), "{channel}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_without_a_panic(text in ".{0,300}") {
            let _publisher = text.parse::<Publisher>();
        }
    }
}
