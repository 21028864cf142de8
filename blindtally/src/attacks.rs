//! Attacks on a running system, over its real interfaces.
//!
//! Each is written once: the demo shows what it gets, and the threat model's tests expect that it
//! gets nothing from a sound system and something from one with a planted fault. An attack counts
//! its tries and those that were refused. *Refused* is decided by what happened, not by the status
//! alone: an exact repeat of a counted vote is answered like the first and must change nothing.

mod hand;
mod payments;
mod votes;

use std::sync::Arc;

use async_trait::async_trait;

pub use hand::{Account, Books, Hand, OpenOrder, Shop};

/// What only the operator sees: how much was really counted. An attack looks before and after.
#[async_trait]
pub trait Watch: Send + Sync {
    /// Tokens of recorded votes, ever, by payments' own count.
    async fn tokens_counted(&self) -> anyhow::Result<u64>;
}

/// An attack.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Attack {
    /// Changes a vote's text, token or signature under way.
    AlterVotes,
    /// Makes tokens out of nothing, or out of one that was bought.
    ForgeTokens,
    /// Orders less than nothing, nothing, or more than there is.
    NegativeQuantities,
    /// Sends one signed card transfer to two orders.
    OneCardTransferTwoOrders,
    /// Pays in another currency.
    OtherCurrency,
    /// Groups counted tokens anew.
    ReplaySubsetsAndUnions,
    /// Sends counted votes again.
    ReplayVotes,
    /// Claims somebody else's transfer.
    SomebodyElsesTransfer,
    /// Pays less than the price.
    Underpay,
    /// Pays two orders with one transfer.
    UseTransferTwice,
}

impl Attack {
    /// All of them, in the order in which the demo makes them.
    pub const ALL: [Self; 10] = [
        Self::ReplayVotes,
        Self::ReplaySubsetsAndUnions,
        Self::AlterVotes,
        Self::ForgeTokens,
        Self::UseTransferTwice,
        Self::SomebodyElsesTransfer,
        Self::Underpay,
        Self::OtherCurrency,
        Self::OneCardTransferTwoOrders,
        Self::NegativeQuantities,
    ];

    /// The name in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::AlterVotes => "alter-votes",
            Self::ForgeTokens => "forge-tokens",
            Self::NegativeQuantities => "negative-quantities",
            Self::OneCardTransferTwoOrders => "one-card-transfer-two-orders",
            Self::OtherCurrency => "other-currency",
            Self::ReplaySubsetsAndUnions => "replay-subsets-and-unions",
            Self::ReplayVotes => "replay-votes",
            Self::SomebodyElsesTransfer => "somebody-elses-transfer",
            Self::Underpay => "underpay",
            Self::UseTransferTwice => "use-transfer-twice",
        }
    }

    /// Makes the attack.
    pub async fn run(self, hand: &mut Hand, watch: &Arc<dyn Watch>) -> anyhow::Result<Score> {
        let watch = watch.as_ref();
        match self {
            Self::AlterVotes => votes::alter(hand, watch).await,
            Self::ForgeTokens => votes::forge(hand, watch).await,
            Self::NegativeQuantities => payments::negative_quantities(hand).await,
            Self::OneCardTransferTwoOrders => payments::one_card_transfer(hand).await,
            Self::OtherCurrency => payments::other_currency(hand).await,
            Self::ReplaySubsetsAndUnions => votes::regroup(hand, watch).await,
            Self::ReplayVotes => votes::replay(hand, watch).await,
            Self::SomebodyElsesTransfer => payments::somebody_elses_transfer(hand).await,
            Self::Underpay => payments::underpay(hand).await,
            Self::UseTransferTwice => payments::use_transfer_twice(hand).await,
        }
    }
}

/// What an attack got.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Score {
    /// How often it tried.
    pub tried: u64,
    /// How often it got nothing.
    pub refused: u64,
}

impl Score {
    /// Counts a try.
    fn note(&mut self, refused: bool) {
        self.tried += 1;
        self.refused += u64::from(refused);
    }

    /// Takes back refusals that were none: `gained` tokens were counted that should not be.
    fn deduct(&mut self, gained: u64) {
        self.refused = self.refused.saturating_sub(gained);
    }
}
