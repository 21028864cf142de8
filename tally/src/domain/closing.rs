//! Closing a month: which votes are split now, and who gets how much.
//!
//! Votes of all months up to the closed one that still wait are split together, per funding source and
//! vote value. What limits them is cumulative and per source (threat T18): no more votes than tokens
//! were redeemed, and no more money than the pool of that source has.

use std::collections::BTreeMap;

use messages::{FundingSource, KeyId, money::Amount, publisher::Publisher};

use super::{Account, Month, Transfer, funds::Line, split::largest_remainder};

/// The fee's unit: one hundredth of a percent.
pub const FEE_BASIS: u64 = 10_000;

/// What a closing starts from.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ClosingInput {
    /// What each source's pool has. Below zero counts as nothing.
    pub pools: BTreeMap<FundingSource, i128>,
    /// Every source and value with votes or funds.
    pub lines: BTreeMap<Line, LineInput>,
}

/// One source and value at a closing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LineInput {
    /// Tokens redeemed (never more than were sold), by the latest record of funds, minus the votes that
    /// were split before.
    pub redeemed_unsplit: u64,
    /// Votes that wait, by publisher.
    pub waiting: BTreeMap<Publisher, u64>,
    /// Keys whose time is up and whose rest was not moved yet: id, signed − redeemed, revoked.
    pub ended_keys: Vec<(KeyId, u64, bool)>,
}

/// How many of the waiting votes are split, given how many wait, how many more tokens were redeemed
/// than split, and for how many the pool has the money.
pub type VotesToSplit = fn(waiting: u64, redeemed_unsplit: u64, pool_covers: u64) -> u64;

/// The rule: the least of the three.
pub fn votes_to_split(waiting: u64, redeemed_unsplit: u64, pool_covers: u64) -> u64 {
    waiting.min(redeemed_unsplit).min(pool_covers)
}

/// What a closing does with one source and value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct LinePlan {
    /// Votes that are split.
    pub votes: u64,
    /// What they are worth.
    pub amount: Amount,
    /// The operator's part of it.
    pub fee: Amount,
    /// Votes that did not fit and stay waiting.
    pub left_waiting: u64,
    /// Votes and money of each publisher. With the fee, the money is exactly `amount`.
    pub payouts: BTreeMap<Publisher, (u64, Amount)>,
    /// Value of ended keys' tokens that were never redeemed: key, amount, revoked.
    pub ended_keys: Vec<(KeyId, Amount, bool)>,
}

/// What a closing does.
pub type ClosingPlan = BTreeMap<Line, LinePlan>;

/// A sum that no healthy installation reaches.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a sum is larger than the ledger can hold")]
pub struct TooLarge;

/// Plans a closing. The amounts of a plan never add up to more than the pools have.
pub fn plan(input: &ClosingInput, fee: u64, rule: VotesToSplit) -> Result<ClosingPlan, TooLarge> {
    let mut pools = input.pools.clone();
    let mut plan = ClosingPlan::new();
    for (line, line_input) in &input.lines {
        let pool = pools.entry(line.0).or_default();
        let line_plan = split(*line, line_input, *pool, fee, rule)?;
        *pool -= line_plan.amount.base_units();
        plan.insert(*line, line_plan);
    }
    // After all splits: what was redeemed comes before what was not.
    for (line, line_input) in &input.lines {
        let pool = pools.entry(line.0).or_default();
        let Some(line_plan) = plan.get_mut(line) else {
            continue;
        };
        for (key, rest, revoked) in &line_input.ended_keys {
            let worth = line.1.times(*rest).ok_or(TooLarge)?;
            let amount = worth.base_units().min((*pool).max(0));
            *pool -= amount;
            let amount = Amount::from_base_units(amount).ok_or(TooLarge)?;
            line_plan.ended_keys.push((*key, amount, *revoked));
        }
    }
    Ok(plan)
}

fn split(
    (_, value): Line,
    input: &LineInput,
    pool: i128,
    fee: u64,
    rule: VotesToSplit,
) -> Result<LinePlan, TooLarge> {
    let waiting = input
        .waiting
        .values()
        .try_fold(0_u64, |sum, votes| sum.checked_add(*votes));
    let waiting = waiting.ok_or(TooLarge)?;
    let pool_covers = pool.max(0).checked_div(value.base_units()).unwrap_or(0);
    let pool_covers = u64::try_from(pool_covers).unwrap_or(u64::MAX);
    let votes = rule(waiting, input.redeemed_unsplit, pool_covers);
    let amount = value.times(votes).ok_or(TooLarge)?;

    // Rounded down, before anything else: the rest belongs to the publishers to the last unit.
    let units = amount.base_units().unsigned_abs();
    let basis = u128::from(FEE_BASIS);
    let fee_units = units / basis * u128::from(fee) + units % basis * u128::from(fee) / basis;
    let fee = amount_of(fee_units)?;

    // Which votes are split, when not all are, follows the same rule as the money.
    let weights: Vec<u64> = input.waiting.values().copied().collect();
    let shares = largest_remainder(votes.into(), &weights).ok_or(TooLarge)?;
    let shares: Vec<u64> = shares
        .into_iter()
        .map(|share| u64::try_from(share).unwrap_or(0))
        .collect();
    let parts = largest_remainder(units - fee_units, &shares).ok_or(TooLarge)?;
    let mut payouts = BTreeMap::new();
    for ((channel, votes), units) in input.waiting.keys().zip(&shares).zip(parts) {
        if *votes > 0 {
            payouts.insert(channel.clone(), (*votes, amount_of(units)?));
        }
    }
    Ok(LinePlan {
        votes,
        amount,
        fee,
        left_waiting: waiting.saturating_sub(votes),
        payouts,
        ended_keys: Vec::new(),
    })
}

fn amount_of(units: u128) -> Result<Amount, TooLarge> {
    let units = i128::try_from(units).map_err(|_| TooLarge)?;
    Amount::from_base_units(units).ok_or(TooLarge)
}

/// What a ledger row says that pays a publisher. It names the votes, so that the chain covers them.
pub fn payout_memo(month: Month, votes: u64, value: Amount) -> String {
    format!("closing {month}, {votes} votes of {value}")
}

/// What a ledger row says that moves the fee.
pub fn fee_memo(month: Month, votes: u64, value: Amount) -> String {
    format!("closing {month}, fee on {votes} votes of {value}")
}

/// The ledger rows of a plan, in its order.
pub fn transfers(month: Month, plan: &ClosingPlan) -> Vec<Transfer> {
    let mut transfers = Vec::new();
    for ((source, value), line) in plan {
        let mut give = |credit: Account, amount: Amount, memo: String| {
            // A row moves more than nothing.
            if !amount.is_zero() {
                let debit = Account::Pool(*source);
                transfers.push(Transfer {
                    debit,
                    credit,
                    amount,
                    memo,
                });
            }
        };
        give(Account::Fees, line.fee, fee_memo(month, line.votes, *value));
        for (channel, (votes, amount)) in &line.payouts {
            let publisher = Account::Publisher(channel.clone());
            give(publisher, *amount, payout_memo(month, *votes, *value));
        }
        for (key, amount, revoked) in &line.ended_keys {
            let account = if *revoked {
                Account::Revoked(*key)
            } else {
                Account::Expired(*source)
            };
            give(
                account,
                *amount,
                format!("closing {month}, never redeemed of {key}"),
            );
        }
    }
    transfers
}

#[cfg(test)]
mod tests;
