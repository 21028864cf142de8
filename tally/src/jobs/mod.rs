//! What the tally does by itself.

mod close;
mod consume;
mod forget;
mod sign_head;

pub use close::CloseJob;
pub use consume::ConsumeJob;
pub use forget::ForgetJob;
pub use sign_head::SignHeadJob;

use std::time::Duration;

/// How soon to look again, in real time, while another process reads: a lease knows no calendar.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
