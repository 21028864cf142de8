//! tally's API.

use std::collections::BTreeMap;

use messages::{money::Amount, publisher::Publisher};

use crate::{demo::BySource, system::Layout};

/// What was counted and paid.
#[derive(Debug, Default)]
pub(in crate::demo) struct Tally {
    /// Counted tokens.
    pub(in crate::demo) counted: BySource<u64>,
    /// What publishers were credited with.
    pub(in crate::demo) paid_out: BySource<Amount>,
    /// The same, added up over the rows of the payouts.
    pub(in crate::demo) payouts: BySource<Amount>,
    /// What was kept as fees.
    pub(in crate::demo) fees: BySource<Amount>,
    /// What is in the pool.
    pub(in crate::demo) left: BySource<Amount>,
    /// Counted tokens by publisher.
    pub(in crate::demo) publishers: BTreeMap<Publisher, u64>,
}

pub(super) async fn read(_layout: &Layout) -> anyhow::Result<Tally> {
    Ok(Tally::default())
}
