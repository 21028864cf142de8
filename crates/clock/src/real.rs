//! Real elapsed time, for leases between processes. A simulation does not move it.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 on the machine's clock.
pub fn unix_millis() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
