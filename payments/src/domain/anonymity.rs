//! How large the crowd is that a token hides in (contracts §2, `GET /v1/anonymity-sets`).
//!
//! Exact counts would tell an observer who asks often when somebody's order was signed. So counts are summed first
//! and rounded down to a power of two afterwards, in each figure by itself.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use messages::KeyId;

/// The largest power of two that is at most `count`; nothing for nothing.
pub fn rounded(count: u64) -> u64 {
    count.checked_ilog2().map_or(0, |bits| 1 << bits)
}

/// Orders that were signed under one key.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AnonymitySet {
    /// Orders of each day, rounded.
    pub by_day: BTreeMap<NaiveDate, u64>,
    /// Orders of all days, summed and then rounded.
    pub total: u64,
}

/// The published figures for exact counts of (key, day, orders), each rounded by `rounded`.
pub fn published(
    counts: impl IntoIterator<Item = (KeyId, NaiveDate, u64)>,
    rounded: fn(u64) -> u64,
) -> BTreeMap<KeyId, AnonymitySet> {
    let mut sets = BTreeMap::<KeyId, AnonymitySet>::new();
    for (key, day, orders) in counts {
        let set = sets.entry(key).or_default();
        let of_day = set.by_day.entry(day).or_default();
        *of_day = of_day.saturating_add(orders);
        set.total = set.total.saturating_add(orders);
    }
    for set in sets.values_mut() {
        set.by_day
            .values_mut()
            .for_each(|orders| *orders = rounded(*orders));
        set.total = rounded(set.total);
    }
    sets
}

#[cfg(test)]
mod tests {
    use messages::encoding::Fixed;

    use super::*;

    #[test]
    fn a_figure_is_rounded_down_to_a_power_of_two() {
        let pairs = [
            (0, 0),
            (1, 1),
            (2, 2),
            (3, 2),
            (1023, 512),
            (1024, 1024),
            (u64::MAX, 1 << 63),
        ];

        for (count, shown) in pairs {
            assert_eq!(rounded(count), shown, "{count}");
        }
    }

    #[test]
    fn the_total_is_summed_before_it_is_rounded() {
        let key = KeyId::of(&Fixed([1; 32]));
        let day = |of_month| NaiveDate::from_ymd_opt(2026, 1, of_month).unwrap();

        let sets = published(
            [(key, day(1), 3), (key, day(2), 3), (key, day(2), 3)],
            rounded,
        );

        let set = &sets[&key];
        assert_eq!(set.by_day, BTreeMap::from([(day(1), 2), (day(2), 4)]));
        assert_eq!(set.total, 8);
    }
}
