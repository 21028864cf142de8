//! The faults that can be planted, to show that the model would see them.

/// A way to build the pipeline wrongly.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Built as the contracts say.
    None,
    /// An older publisher is not shut out when another process takes over.
    NoFencing,
    /// Tally writes the effect of a batch in one transaction, and the offset in another.
    OffsetsApart,
    /// Payments writes the outbox row and then redeems.
    PublishBeforeRedeem,
    /// A redemption counts as repeated when its tokens are spent, whatever they were spent on.
    ReplayPerToken,
    /// Outbox rows get their position when they are inserted, and not from the relay.
    SerialAtInsert,
}
