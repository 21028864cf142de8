//! The register is sound: it is the link between claims and tests.

use std::path::Path;

use threat_model::{
    register::{Item, Kind, Register},
    sources::Sources,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn item(tests: &[&str], controls: &[&str]) -> Item {
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect();
    Item {
        id: "T0".to_owned(),
        kind: Kind::Threat,
        title: "a title".to_owned(),
        claim: "a claim".to_owned(),
        tests: names(tests),
        controls: names(controls),
        pending: None,
        engines: false,
    }
}

fn faults(item: Item, own: &[&str]) -> Vec<String> {
    Register { item: vec![item] }.faults(&Sources::of(own))
}

#[test]
fn every_item_has_a_test_with_a_control_or_says_what_is_missing() {
    let register = Register::read(root()).unwrap();
    let sources = Sources::read(root(), &register.packages()).unwrap();

    assert_eq!(register.faults(&sources), Vec::<String>::new());
}

#[test]
fn every_row_of_the_threat_model_is_an_item() {
    let register = Register::read(root()).unwrap();
    let numbered = [("G", 5), ("T", 19), ("A", 6), ("P", 10), ("U", 5), ("S", 5)];

    for (letter, last) in numbered {
        for number in 1..=last {
            let id = format!("{letter}{number}");
            assert!(register.item.iter().any(|item| item.id == id), "{id}");
        }
    }
}

#[test]
fn a_test_without_a_control_is_a_fault() {
    assert_eq!(
        faults(item(&["a"], &[]), &["a"]),
        ["T0 has a test and no control"]
    );
}

#[test]
fn a_test_that_is_not_in_the_sources_is_a_fault() {
    let found = faults(item(&["a"], &["b"]), &["a"]);

    assert_eq!(found, ["there is no test b"]);
}

#[test]
fn a_test_that_no_item_names_is_a_fault() {
    let found = faults(item(&["a"], &["b"]), &["a", "b", "c"]);

    assert_eq!(found, ["no item names the test c"]);
}

#[test]
fn an_item_with_nothing_is_a_fault() {
    assert_eq!(
        faults(item(&[], &[]), &[]),
        ["T0 has no test and is not pending"]
    );
}
