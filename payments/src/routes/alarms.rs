//! What an operator hears about the routes of credentials: that something is wrong, and not with which request.

use service_kit::{Problem, telemetry::Alarm};

use crate::{challenge_bypass, error::Error};

/// The alarms of the routes of credentials. No request has a log line there (threat U4): the times of submissions, to the
/// second, would be half of what joins a buyer to a voter.
#[derive(Debug)]
pub struct CredentialAlarms {
    /// The database fails.
    not_stored: Alarm,
    /// challenge-bypass refused points that were checked here: a fault of ours. It stays until a restart, since the
    /// success of another order says nothing about this one.
    refused: Alarm,
}

impl Default for CredentialAlarms {
    fn default() -> Self {
        Self {
            not_stored: Alarm::new("credentials-not-stored"),
            refused: Alarm::new("signing-refused"),
        }
    }
}

impl CredentialAlarms {
    /// The answer to a request, after the alarms have heard how it ended.
    pub(super) fn hear<T>(&self, ended: Result<T, Error>) -> Result<T, Problem> {
        match &ended {
            Ok(_) => self.not_stored.clear(),
            Err(error @ (Error::Planned(_) | Error::Store(_))) => self.not_stored.raise(error),
            Err(error @ Error::Signing(challenge_bypass::Error::Refused(_))) => {
                self.refused.raise(error);
            }
            Err(_) => {}
        }
        ended.map_err(|error| error.problem())
    }
}
