//! Who takes part: the clients, their tokens, and the votes that can be made of them.

use std::{fmt, str::FromStr};

use crate::state::{TOKENS_MAX, VOTES_MAX};

/// The clients' tokens, and every vote that they can ask for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Scenario {
    votes: Vec<u8>,
    tokens: u8,
}

impl Scenario {
    /// Clients with so many tokens each. Each client may ask for every grouping of its own tokens; the
    /// last one, if it has a single token, for two texts with it.
    fn new(clients: &[u8]) -> Result<Self, ScenarioError> {
        let mut votes = Vec::new();
        let mut tokens = 0;
        for count in clients {
            if !(1..=2).contains(count) {
                return Err(ScenarioError);
            }
            let groupings = 1_u8..(1 << count);
            votes.extend(groupings.map(|grouping| grouping << tokens));
            tokens += count;
            if tokens > TOKENS_MAX {
                return Err(ScenarioError);
            }
        }
        if clients.len() > 1 && clients.last() == Some(&1) {
            votes.extend(votes.last().copied());
        }
        if votes.is_empty() || votes.len() > usize::from(VOTES_MAX) {
            return Err(ScenarioError);
        }
        Ok(Self { votes, tokens })
    }

    /// One client with two tokens, and one with one: what every test run explores.
    pub fn narrow() -> Self {
        Self::new(&[2, 1]).expect("two tokens and one make five votes")
    }

    /// All votes, by number.
    pub(crate) fn votes(&self) -> impl Iterator<Item = u8> {
        (0..VOTES_MAX).take(self.votes.len())
    }

    /// The tokens of a vote, one bit each.
    pub(crate) fn tokens_of(&self, vote: u8) -> u8 {
        self.votes.get(usize::from(vote)).copied().unwrap_or(0)
    }

    /// All tokens, one bit each.
    pub(crate) fn all_tokens(&self) -> u8 {
        (1_u8 << self.tokens) - 1
    }
}

impl FromStr for Scenario {
    type Err = ScenarioError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let clients: Result<Vec<u8>, _> = text.split(',').map(str::parse).collect();
        Self::new(&clients.map_err(|_| ScenarioError)?)
    }
}

/// The clients are not ones that can be explored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ScenarioError;

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("name one or two tokens for each client, four in all, such as 2,1")
    }
}

impl std::error::Error for ScenarioError {}
