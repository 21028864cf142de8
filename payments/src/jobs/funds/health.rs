//! Whether more was signed than sold (threat T19).

use std::sync::{Arc, Mutex, PoisonError};

use messages::{FundingSource, money::Amount};

use crate::jobs::show_alarm;

/// Names the alarm in the metric `blindtally_alarm`.
const ALARM: &str = "signed-above-sold";

/// More tokens were signed than were sold and not written off.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{signed} tokens of {source_of_funds} at {value} were signed, and only {signable} were sold: the orders' database \
     was set back, or somebody else has tokens signed. No record of funds is made. Stop payments and restore the \
     latest state of its orders' database; if orders are lost for good, find them among the custodians' transfers \
     and state what was sold (`funds restate`) before it is started again"
)]
pub struct SignedAboveSold {
    /// Where the money came from.
    pub source_of_funds: FundingSource,
    /// The price of one vote.
    pub value: Amount,
    /// How many tokens all keys signed.
    pub signed: u64,
    /// How many can have been signed.
    pub signable: u64,
}

/// What the service's readiness asks of the job of funds. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct FundsHealth(Arc<Mutex<Option<SignedAboveSold>>>);

impl FundsHealth {
    /// Fails, with the instruction, while more is signed than sold.
    pub fn check(&self) -> anyhow::Result<()> {
        let found = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        found.map_or(Ok(()), |found| Err(found.into()))
    }

    /// Notes how the last comparison ended.
    pub(super) fn note(&self, found: Option<SignedAboveSold>) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *noted, found);
        show_alarm(ALARM, before.is_some(), found.is_some());
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn more_signed_than_sold_raises_an_alarm_until_it_is_mended() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let health = FundsHealth::default();
        let alarm = |found| {
            metrics::with_local_recorder(&recorder, || health.note(found));
            let shown = recorder.handle().render();
            shown.contains(r#"blindtally_alarm{name="signed-above-sold"} 1"#)
        };
        let found = SignedAboveSold {
            source_of_funds: FundingSource::UserWallet,
            value: "0.25".parse().unwrap(),
            signed: 4,
            signable: 3,
        };

        assert!(!alarm(None));
        assert!(alarm(Some(found)));
        assert!(!alarm(None));
    }
}
