//! Every way in which a capability can be missing, wrong, narrowed or somebody else's.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;

use super::*;
use crate::domain::macaroons::narrow;

const ORDER: Uuid = Uuid::from_u128(0x1111);
const OTHER: Uuid = Uuid::from_u128(0x2222);

fn capabilities() -> Capabilities {
    Capabilities::new(OrderSecret::new([3; 32]), 730)
}

fn terms() -> Terms {
    Terms::parse("2026-01-31 BAT 10 user-wallet-vote:40:0.25").unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn noon() -> DateTime<Utc> {
    at("2026-02-01T12:00:00Z")
}

fn capability() -> String {
    capabilities().mint(ORDER, &terms()).unwrap()
}

fn check(text: &str, action: May) -> Result<Allowed, Refused> {
    capabilities().check(ORDER, Some(text), action, noon())
}

#[test]
fn the_capability_of_an_order_allows_everything_with_this_order() {
    for action in [May::Pay, May::Read, May::Sign] {
        let allowed = check(&capability(), action).unwrap();
        assert_eq!((allowed.order(), allowed.terms()), (ORDER, &terms()));
    }
}

#[test]
fn no_other_text_allows_anything() {
    let capability = capability();
    let all = capabilities();
    let elsewhere = Capabilities::new(OrderSecret::new([4; 32]), 730);
    let others = all.mint(OTHER, &terms()).unwrap();
    let foreign = elsewhere.mint(ORDER, &terms()).unwrap();

    for wrong in [
        None,
        Some(""),
        Some("x"),
        Some(others.as_str()),
        Some(foreign.as_str()),
    ] {
        assert_eq!(all.check(ORDER, wrong, May::Read, noon()), Err(Refused));
    }
    assert_eq!(
        all.check(OTHER, Some(&capability), May::Read, noon()),
        Err(Refused)
    );
}

#[test]
fn every_refusal_costs_the_same_work() {
    // What is made once is made now.
    assert_eq!(
        capabilities().check(ORDER, None, May::Read, noon()),
        Err(Refused)
    );
    let work = |order, presented: Option<&str>, now| {
        macaroons::LINKS.set(0);
        let checked = capabilities().check(order, presented, May::Read, now);
        (macaroons::LINKS.take(), checked.is_ok())
    };
    let (capability, now) = (capability(), noon());
    let foreign = Capabilities::new(OrderSecret::new([4; 32]), 730);
    let foreign = foreign.mint(ORDER, &terms()).unwrap();
    let (links, allowed) = work(ORDER, Some(&capability), now);
    assert!(allowed && links > 0);

    for (what, refused) in [
        ("none", work(ORDER, None, now)),
        ("nothing", work(ORDER, Some(""), now)),
        ("no macaroon", work(ORDER, Some("AgEJ"), now)),
        ("another order's", work(OTHER, Some(&capability), now)),
        ("made elsewhere", work(ORDER, Some(&foreign), now)),
        (
            "too late",
            work(ORDER, Some(&capability), at("2029-01-01T00:00:00Z")),
        ),
    ] {
        assert_eq!(refused, (links, false), "{what}");
    }
}

#[test]
fn a_holder_can_narrow_what_it_allows() {
    let narrowed = |caveats: &[&str]| narrow(&capability(), caveats).unwrap();
    let before = "before = 2026-02-01T12:00:01Z";

    assert!(check(&narrowed(&[before, "may = read"]), May::Read).is_ok());
    assert!(check(&narrowed(&["may = read"]), May::Pay).is_err());
    assert!(check(&narrowed(&["may = pay", "may = read"]), May::Read).is_err());
    assert!(check(&narrowed(&["before = 2026-02-01T12:00:00Z"]), May::Read).is_err());
    assert!(
        check(
            &narrowed(&[before, "before = 2026-02-01T11:00:00Z"]),
            May::Read
        )
        .is_err()
    );
    assert!(check(&narrowed(&["before = tomorrow"]), May::Read).is_err());
}

#[test]
fn a_caveat_that_is_not_understood_refuses() {
    for caveat in [
        "",
        "may",
        "may = ",
        "may = read|pay",
        "may=read",
        "size = 1",
        "order = 00000000-0000-0000-0000-000000001111",
        "terms = 2026-01-31 BAT 10 user-wallet-vote:40:0.25",
    ] {
        let narrowed = narrow(&capability(), &[caveat]).unwrap();
        assert_eq!(check(&narrowed, May::Read), Err(Refused), "{caveat}");
    }
}

#[test]
fn too_many_caveats_refuse() {
    let with = |count: usize| narrow(&capability(), &vec!["may = read"; count]).unwrap();

    assert!(check(&with(14), May::Read).is_ok());
    assert_eq!(check(&with(15), May::Read), Err(Refused));
}

/// The capability in so many bytes, narrowed by an end whose second is written to as many digits as it takes.
fn of_length(bytes: usize) -> String {
    let ending = |digits| format!("before = 2026-02-02T00:00:00.{}Z", "0".repeat(digits));
    let narrowed = |digits| narrow(&capability(), &[ending(digits).as_str()]).unwrap();
    let fits = |text: &String| STANDARD.decode(text).unwrap().len() == bytes;
    (1..1_100).map(narrowed).find(fits).unwrap()
}

#[test]
fn a_capability_of_one_kibibyte_is_read_and_a_longer_one_is_not() {
    assert!(check(&of_length(1_024), May::Read).is_ok());
    for bytes in [1_025, 1_026, 1_027, 1_100] {
        assert_eq!(check(&of_length(bytes), May::Read), Err(Refused), "{bytes}");
    }
}

#[test]
fn it_ends_when_the_order_is_forgotten() {
    let on = |time: &str| capabilities().check(ORDER, Some(&capability()), May::Read, at(time));
    assert!(on("2028-01-31T23:59:59Z").is_ok());
    assert_eq!(on("2028-02-01T00:00:00Z"), Err(Refused));
}

#[test]
fn the_longest_terms_fit() {
    let mut terms = terms();
    let line = crate::domain::terms::Line {
        sku: "a".repeat(32),
        quantity: 400,
        price: "12345678.123456789012345678".parse().unwrap(),
    };
    terms.lines = vec![line; crate::domain::terms::LINES_MAX];
    terms.total = terms.sum().unwrap();
    let text = capabilities().mint(ORDER, &terms).unwrap();

    assert_eq!(check(&text, May::Read).unwrap().terms(), &terms);
    assert_eq!(
        format!("{:?}", check(&text, May::Read).unwrap()),
        "Allowed(..)"
    );
}

proptest! {
    #[test]
    fn any_changed_byte_is_refused(at in 0_usize..400, change in 1_u8..=255) {
        let mut bytes = STANDARD.decode(capability()).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= change;

        prop_assert_eq!(check(&STANDARD.encode(bytes), May::Read), Err(Refused));
    }
}
