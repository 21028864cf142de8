//! Clocks of servers that tell theirs.

use anyhow::ensure;

/// Leases between processes last some ten seconds by their machines' clocks.
const SKEW_MS_MAX: i64 = 2_000;

/// How far a server's clock is from ours, which was `before` and `after` it was asked; all in Unix milliseconds.
pub(super) fn skew(before: i64, server: i64, after: i64) -> anyhow::Result<String> {
    // Within the two, nothing is known to be wrong.
    let ahead = (server - after).max(0);
    let behind = (before - server).max(0);
    let (off, where_to) = if ahead > 0 {
        (ahead, "ahead of")
    } else {
        (behind, "behind")
    };
    ensure!(
        off <= SKEW_MS_MAX,
        "its clock is {} s {where_to} ours: have both set by NTP, since leases go by them",
        off / 1_000
    );
    Ok(format!("within {} s of ours", SKEW_MS_MAX / 1_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_told_whichever_way() {
        assert!(skew(1_000_000, 1_000_500, 1_001_000).is_ok());
        assert!(skew(1_000_000, 1_003_000, 1_001_000).is_ok());
        assert!(skew(1_000_000, 998_000, 1_001_000).is_ok());
        let ahead = skew(1_000_000, 1_031_001, 1_001_000).unwrap_err();
        assert!(ahead.to_string().contains("30 s ahead of ours"), "{ahead}");
        let behind = skew(1_000_000, 960_000, 1_001_000).unwrap_err();
        assert!(behind.to_string().contains("40 s behind ours"), "{behind}");
    }
}
