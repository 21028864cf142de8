use proptest::prelude::*;
use star_sharks::{Fp, FpRepr};

use ff::{Field as _, PrimeField as _};

use super::*;

/// Any element, those above 2^128 and around the borders as often as the others.
fn elements() -> impl Strategy<Value = Element> {
    let high = (0..C).prop_map(|low| Element { top: true, low });
    let border = (0..3 * C).prop_map(|below| Element::new(u128::MAX - below));
    let low = (0..3 * C).prop_map(Element::new);
    prop_oneof![any::<u128>().prop_map(Element::new), high, border, low]
}

fn reference(element: Element) -> Fp {
    Fp::from_repr(FpRepr(element.to_bytes())).unwrap()
}

fn ours(reference: Fp) -> Element {
    Element::from_bytes(&reference.to_repr().0).unwrap()
}

proptest! {
    #[test]
    fn sums_differences_and_products_are_those_of_the_reference(a in elements(), b in elements()) {
        prop_assert_eq!(a + b, ours(reference(a) + reference(b)));
        prop_assert_eq!(a - b, ours(reference(a) - reference(b)));
        prop_assert_eq!(a * b, ours(reference(a) * reference(b)));
        prop_assert_eq!(-a, ours(-reference(a)));
    }

    #[test]
    fn inverses_are_those_of_the_reference(a in elements()) {
        prop_assume!(!a.is_zero());

        prop_assert_eq!(a.invert(), ours(reference(a).invert().unwrap()));
    }

    #[test]
    fn all_inverted_together_are_as_each_alone(mut all in prop::collection::vec(elements(), 0..20)) {
        all.retain(|element| !element.is_zero());
        let alone: Vec<_> = all.iter().map(|element| element.invert()).collect();

        Element::invert_all(&mut all);

        prop_assert_eq!(all, alone);
    }

    #[test]
    fn bytes_are_read_as_the_reference_reads_them(bytes in any::<[u8; 16]>(), top in 0..3_u8) {
        let mut all = [0; ELEMENT_BYTES];
        all[..16].copy_from_slice(&bytes);
        all[16] = top;

        let read = Element::from_bytes(&all);

        let expected: Option<Fp> = Fp::from_repr(FpRepr(all)).into();
        prop_assert_eq!(read.is_some(), expected.is_some());
        prop_assert_eq!(read.map(Element::to_bytes), read.map(|_| all));
    }
}

#[test]
fn what_is_p_or_more_is_no_element() {
    assert_eq!(
        Element::from_halves(C - 1, 1).map(|a| a + Element::ONE),
        Some(Element::ZERO)
    );
    assert_eq!(Element::from_halves(C, 1), None);
    assert_eq!(Element::from_halves(0, 2), None);
}
