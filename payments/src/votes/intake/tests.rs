//! The intake against a registry in memory.

mod grouping;
mod keys;
mod load;
mod registry;

use std::sync::atomic::Ordering;

use messages::payments::VoteCredential;

use super::*;
use crate::{
    domain::vote::tests::{credential, vote_for},
    votes::testing::Bench,
};

fn credentials(tokens: impl IntoIterator<Item = u8>) -> Vec<VoteCredential> {
    tokens.into_iter().map(|t| credential(1, t)).collect()
}

fn vote(channel: &str, tokens: impl IntoIterator<Item = u8>) -> Vote {
    vote_for(channel, &credentials(tokens)).unwrap()
}

fn slug(taken: Result<(), Refusal>) -> Slug {
    taken.expect_err("it is refused").slug()
}
