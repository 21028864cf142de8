//! Whether reading has stopped for an operator to decide.

use std::{
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use service_kit::event_log::{Offset, Partition};

use crate::{
    intake::{IntakeError, Reached},
    store::Place,
};

/// Log and database disagree. Going on could lose votes silently, or count others twice (threat T19).
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Stop {
    /// The log is not the one that positions were stored for.
    #[error(
        "the event log is not the one that was read so far: it was made anew. Nothing is read from it. \
         Put the old log back. If it is lost for good, so are the votes in it that were not read: then have \
         the new one read from its start (`tally rewind`)"
    )]
    OtherLog,
    /// The stored position is not in the log.
    #[error(
        "reading of {topic}/{partition} stopped: its position {position} lies outside the log, which has \
         {start} to {end}. The event log was restored from a backup, or records were dropped before they \
         were read. Put a later state of the log back, or accept the loss (`tally rewind`)"
    )]
    OutsideLog {
        /// The topic.
        topic: String,
        /// The partition.
        partition: Partition,
        /// The stored position.
        position: Offset,
        /// The first offset that is kept.
        start: Offset,
        /// The last offset and one.
        end: Offset,
    },
}

impl Stop {
    /// Refuses a stored position that is not in the log.
    pub(crate) fn check_position(
        place: &Place,
        position: Offset,
        bounds: &Range<Offset>,
    ) -> Result<(), Self> {
        if bounds.start <= position && position <= bounds.end {
            return Ok(());
        }
        Err(Self::OutsideLog {
            topic: place.topic.clone(),
            partition: place.partition,
            position,
            start: bounds.start,
            end: bounds.end,
        })
    }
}

/// Whether reading has stopped. Clones belong together.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Option<Stop>>>);

impl Health {
    /// Fails, with the instruction, while reading is stopped.
    pub fn check(&self) -> anyhow::Result<()> {
        let stop = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stop.clone().map_or(Ok(()), |stop| Err(stop.into()))
    }

    pub(crate) fn note(&self, reached: &Result<Reached, IntakeError>) {
        let stop = match reached {
            Ok(_) => None,
            Err(IntakeError::Stopped(stop)) => Some(stop.clone()),
            // A failure of another kind says nothing about the disagreement.
            Err(
                IntakeError::Crashed(_)
                | IntakeError::Log(_)
                | IntakeError::Overtaken
                | IntakeError::Store(_),
            ) => return,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stop;
    }
}
