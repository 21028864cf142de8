//! Asking a server until it answers.

use chrono::TimeDelta;
use clock::{Busy, Clock};
use serde::de::DeserializeOwned;

use crate::{
    Error,
    transport::{Answer, Request, Transport},
};

/// A server that does not answer is asked again for this long on the calendar, then it is a fault.
pub(crate) const PATIENCE: TimeDelta = TimeDelta::hours(72);

/// The first pause after no answer; each next one is twice as long, up to [`PAUSE_MAX`].
pub(crate) const PAUSE_MIN: TimeDelta = TimeDelta::seconds(5);

/// See [`PAUSE_MIN`].
const PAUSE_MAX: TimeDelta = TimeDelta::minutes(30);

/// Sends a request until it is answered, the same bytes each time.
pub(crate) async fn answer(
    server: &dyn Transport,
    request: &Request,
    clock: &Clock,
    busy: &mut Busy,
) -> Result<Answer, Error> {
    let give_up = clock.now() + PATIENCE;
    let mut pause = PAUSE_MIN;
    while clock.now() < give_up {
        let wait = match server.send(request).await {
            Ok(answer) if !answer.is_temporary() => return Ok(answer),
            Ok(answer) => answer.retry_after_seconds,
            Err(_) => None,
        };
        let told = wait.map_or(pause, |seconds| TimeDelta::seconds(i64::from(seconds)));
        busy.sleep(told.max(pause).min(PAUSE_MAX)).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    Err(Error::Waited("an answer"))
}

/// Reads an answer that must be a success.
pub(crate) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Error> {
    if !answer.status.is_success() {
        return Err(Error::refused(answer));
    }
    serde_json::from_slice(&answer.body).map_err(Error::Answer)
}
