//! The topics that the tally reads and writes.

use chrono::TimeDelta;
use service_kit::event_log::{EventLog, TopicSettings, TopicUse};

/// Names of topics in one environment.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Topics {
    /// Votes, from payments.
    pub vote: String,
    /// Records of funds, from payments.
    pub funds: String,
    /// Heads of the key directory, from payments.
    pub directory: String,
    /// Signed heads of the ledger, from here: copies that are out of the database's reach.
    pub ledger_head: String,
}

impl Topics {
    /// The topics of `environment`.
    pub fn of(environment: &str) -> Self {
        Self {
            vote: format!("{environment}.payment.vote"),
            funds: format!("{environment}.payment.funds"),
            directory: format!("{environment}.payment.directory"),
            ledger_head: format!("{environment}.tally.ledger-head"),
        }
    }

    /// What the tally does with topics.
    pub fn uses(&self) -> Vec<TopicUse> {
        let read = [&self.vote, &self.funds, &self.directory];
        let dead_letter = |topic: &&String| TopicUse::write(format!("{topic}.dead-letter"));
        let mut uses: Vec<TopicUse> = read.iter().map(dead_letter).collect();
        uses.extend(read.map(TopicUse::read));
        uses.push(TopicUse::write(&self.ledger_head));
        uses
    }

    /// Makes the topics that the tally writes.
    pub async fn ensure_own(
        &self,
        log: &dyn EventLog,
        retention_days: u32,
    ) -> Result<(), service_kit::event_log::Error> {
        let settings = TopicSettings {
            partitions: 1,
            retention: TimeDelta::days(retention_days.into()),
        };
        for topic in [&self.vote, &self.funds, &self.directory] {
            log.ensure_topic(&format!("{topic}.dead-letter"), settings)
                .await?;
        }
        log.ensure_topic(&self.ledger_head, settings).await
    }
}
