//! What fails in a run, and what goes on nevertheless.
//!
//! Partitions have nothing to do with each other, nor have the epochs of one: rows that cannot be right keep up their own alone.
//! The run says so when all others are done.

use service_kit::event_log::{self, Partition};
use sqlx::error::ErrorKind;

use super::{store::StoreError, worker::AggregateError};

/// PostgreSQL's code for a statement that took too long: another one has other rows to go through.
const CANCELLED: &str = "57014";

/// How much an error keeps up.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reach {
    /// The epoch that is closed; the partition, if it was met in reading.
    Epoch,
    /// A partition with all its epochs.
    Partition,
    /// All of it: nothing else would go well, or may go on.
    Run,
}

impl AggregateError {
    /// How much it keeps up.
    pub fn reach(&self) -> Reach {
        match self {
            Self::Store(StoreError::Corrupt(_)) | Self::Unbalanced(_) => Reach::Epoch,
            Self::Store(StoreError::Database(error)) if is_of_rows(error) => Reach::Epoch,
            Self::Log(event_log::Error::OutsideLog { .. }) | Self::Overtaken => Reach::Partition,
            Self::Crashed(_)
            | Self::Log(_)
            | Self::OtherLog
            | Self::Store(StoreError::Database(_)) => Reach::Run,
        }
    }
}

/// Whether a database that is well has failed on the rows that it was asked for.
fn is_of_rows(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound => {
            true
        }
        sqlx::Error::Database(error) => {
            error.kind() != ErrorKind::Other || error.code().is_some_and(|code| code == CANCELLED)
        }
        _ => false,
    }
}

/// What has failed so far.
#[derive(Debug, Default)]
pub(super) struct Failures {
    first: Option<AggregateError>,
}

impl Failures {
    /// Keeps an error for the end of the run, unless it keeps up more than `most`: then it is the caller's.
    pub(super) fn keep(
        &mut self,
        error: AggregateError,
        partition: Partition,
        most: Reach,
    ) -> Result<(), AggregateError> {
        if error.reach() > most {
            return Err(error);
        }
        let text = error.to_string();
        tracing::error!(
            partition,
            error = text,
            "the run goes on without what failed"
        );
        self.first.get_or_insert(error);
        Ok(())
    }

    /// The first one, if there is any.
    pub(super) fn first(self) -> Result<(), AggregateError> {
        self.first.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use service_kit::fault::Crashed;

    use super::*;
    use crate::aggregate::expiry::Unbalanced;

    fn database(error: sqlx::Error) -> AggregateError {
        AggregateError::Store(error.into())
    }

    fn outside() -> AggregateError {
        let error = event_log::Error::OutsideLog {
            topic: "p3a-star-enc".to_owned(),
            partition: 1,
            position: 9,
            start: 10,
            end: 12,
        };
        error.into()
    }

    #[test]
    fn rows_that_cannot_be_right_keep_up_their_own() {
        let unbalanced = Unbalanced::Prefix { epoch: 300 };
        let corrupt = StoreError::Corrupt("a secret");
        for error in [
            unbalanced.into(),
            corrupt.into(),
            database(sqlx::Error::RowNotFound),
        ] {
            assert_eq!(error.reach(), Reach::Epoch, "{error}");
        }
        for error in [AggregateError::Overtaken, outside()] {
            assert_eq!(error.reach(), Reach::Partition, "{error}");
        }
    }

    #[test]
    fn after_a_crash_or_without_database_or_log_nothing_goes_on() {
        let away = || io::Error::from(io::ErrorKind::ConnectionReset);
        for error in [
            AggregateError::OtherLog,
            Crashed("star-batch-read").into(),
            database(sqlx::Error::PoolTimedOut),
            database(away().into()),
            event_log::Error::Engine(Box::new(away())).into(),
        ] {
            assert_eq!(error.reach(), Reach::Run, "{error}");
        }
    }

    #[test]
    fn the_first_of_several_failures_is_told_at_the_end() {
        let mut failures = Failures::default();
        let of_epoch = |epoch| AggregateError::from(Unbalanced::Prefix { epoch });
        assert!(failures.keep(of_epoch(1), 0, Reach::Epoch).is_ok());
        assert!(failures.keep(of_epoch(2), 1, Reach::Partition).is_ok());
        let refused = failures.keep(AggregateError::Overtaken, 0, Reach::Epoch);
        assert!(matches!(refused, Err(AggregateError::Overtaken)));

        let told = failures.first().unwrap_err().to_string();

        assert_eq!(told, of_epoch(1).to_string());
        assert!(Failures::default().first().is_ok());
    }
}
