//! Dividing an amount exactly, by largest remainder.

/// Divides `total` among `weights` so that the parts add up to it exactly.
///
/// Each part is `total × weight ÷ Σ weights` rounded down, and one more for those with the largest
/// remainders; of equal remainders, the first in order. With no weight at all, nothing is divided.
/// `None`: the weights add up to more than 2⁶⁴ − 1.
pub fn largest_remainder(total: u128, weights: &[u64]) -> Option<Vec<u128>> {
    let sum = weights
        .iter()
        .try_fold(0_u64, |sum, weight| sum.checked_add(*weight))?;
    if sum == 0 {
        return Some(vec![0; weights.len()]);
    }
    // total = whole × sum + rest, so that no product is larger than 2¹²⁸.
    let sum = u128::from(sum);
    let (whole, rest) = (total / sum, total % sum);
    let mut parts = Vec::with_capacity(weights.len());
    let mut remainders = Vec::with_capacity(weights.len());
    for (index, weight) in weights.iter().enumerate() {
        let weight = u128::from(*weight);
        parts.push(whole * weight + rest * weight / sum);
        remainders.push((rest * weight % sum, index));
    }
    let given: u128 = parts.iter().sum();
    let left = usize::try_from(total - given).ok()?;
    remainders.sort_by(|(one, i), (other, j)| other.cmp(one).then(i.cmp(j)));
    for (_, index) in remainders.into_iter().take(left) {
        if let Some(part) = parts.get_mut(index) {
            *part += 1;
        }
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_largest_remainders_get_what_is_left_and_ties_go_by_order() {
        assert_eq!(largest_remainder(10, &[1, 1, 1]), Some(vec![4, 3, 3]));
        assert_eq!(largest_remainder(100, &[50, 30, 1]), Some(vec![62, 37, 1]));
        assert_eq!(largest_remainder(2, &[1, 2, 2]), Some(vec![0, 1, 1]));
        assert_eq!(largest_remainder(7, &[]), Some(vec![]));
        assert_eq!(largest_remainder(7, &[0, 0]), Some(vec![0, 0]));
        assert_eq!(largest_remainder(7, &[0, 3]), Some(vec![0, 7]));
        assert_eq!(largest_remainder(1, &[u64::MAX, 1]), None);
    }

    proptest! {
        #[test]
        fn the_parts_are_exact_for_any_input(
            total in 0..10_u128.pow(38),
            weights in proptest::collection::vec(0..=u64::MAX / 64, 0..60),
        ) {
            let parts = largest_remainder(total, &weights).unwrap();
            let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();

            prop_assert_eq!(parts.len(), weights.len());
            if sum > 0 {
                prop_assert_eq!(parts.iter().sum::<u128>(), total);
            }
            for (one, weight) in parts.iter().zip(&weights) {
                // No part is a whole unit away from the exact one, so no order of them is unfair.
                let (whole, rest) = (total / sum.max(1), total % sum.max(1));
                let exact = whole * u128::from(*weight) + rest * u128::from(*weight) / sum.max(1);
                prop_assert!(*one == exact || (*one == exact + 1 && *weight > 0));
            }
        }

        #[test]
        fn whoever_has_more_votes_gets_no_less(
            total in 0..1_000_000_u128,
            weights in proptest::collection::vec(0..1_000_u64, 1..20),
        ) {
            let parts = largest_remainder(total, &weights).unwrap();
            for (one, weight) in parts.iter().zip(&weights) {
                for (other, other_weight) in parts.iter().zip(&weights) {
                    prop_assert!(weight <= other_weight || one >= other);
                }
            }
        }
    }
}
