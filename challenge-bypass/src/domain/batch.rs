//! Which of several redemptions that are written together succeed.
//!
//! The engines share this; they only fetch and write. What a transaction read is what counts, so the
//! decision holds however many processes write to the registry.

use std::collections::{BTreeMap, HashSet};

use messages::KeyId;

use super::{Claim, Found, Judgement, Spend, SpentId, VerifiedRedemption};
use crate::Rules;

/// What a key has done so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Counter {
    /// Whether it was revoked.
    pub revoked: bool,
    /// Tokens that it signed.
    pub signed_total: u64,
    /// Tokens of it that are redeemed.
    pub redeemed_total: u64,
}

/// What is to be written, and answered once it is.
#[derive(Debug)]
pub struct Decided<'a> {
    /// What became of each redemption, in the order given.
    pub spends: Vec<Spend>,
    /// Those whose tokens are to be written.
    pub first: Vec<&'a Claim>,
    /// What each key will have done then; only keys with something to write.
    pub counters: BTreeMap<KeyId, Counter>,
}

/// Decides each redemption in turn. A refused one changes nothing for those after it.
pub fn decide<'a>(
    batch: &'a [VerifiedRedemption],
    found: &[Found],
    stored: &BTreeMap<KeyId, Counter>,
    rules: &Rules,
) -> Decided<'a> {
    let mut decided = Decided {
        spends: Vec::with_capacity(batch.len()),
        first: Vec::new(),
        counters: BTreeMap::new(),
    };
    let mut taken = HashSet::<(KeyId, SpentId)>::new();
    for (redemption, found) in batch.iter().zip(found) {
        let claim = redemption.claim();
        let key = claim.key();
        let mine = claim.tokens().iter().map(|token| (key, token.id));
        let counter = decided.counters.get(&key).or_else(|| stored.get(&key));
        let spend = if mine.clone().any(|token| taken.contains(&token)) {
            Spend::Again
        } else {
            judged(claim, found, counter, rules)
        };
        if let (Spend::First { redeemed_total }, Some(counter)) = (spend, counter) {
            let counter = Counter {
                redeemed_total,
                ..*counter
            };
            taken.extend(mine);
            decided.counters.insert(key, counter);
            decided.first.push(claim);
        }
        decided.spends.push(spend);
    }
    decided
}

fn judged(claim: &Claim, found: &Found, counter: Option<&Counter>, rules: &Rules) -> Spend {
    let Some(counter) = counter else {
        // The key was there when the signatures were checked. A registry without it is older.
        return Spend::Behind;
    };
    let redeemed_total = counter.redeemed_total;
    match (rules.judge)(claim, &found.bindings) {
        Judgement::Conflict => Spend::Conflict,
        Judgement::Replay => Spend::Replay { redeemed_total },
        Judgement::Fresh if counter.revoked => Spend::Revoked,
        Judgement::Fresh if !(rules.knows_enough)(redeemed_total, claim.at_least()) => {
            Spend::Behind
        }
        Judgement::Fresh => match redeemed_total.checked_add(claim.tokens().len() as u64) {
            Some(redeemed_total) if redeemed_total <= counter.signed_total => {
                Spend::First { redeemed_total }
            }
            _ => Spend::Inconsistent,
        },
    }
}
