//! The `wallet` program, from the outside.

use std::{
    path::Path,
    process::{Command, Output},
};

fn wallet(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wallet"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn said(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Whom to talk to: nobody is there.
const NETWORK: [&str; 10] = [
    "--payments",
    "https://127.0.0.1:1/",
    "--payments-pin",
    PIN,
    "--witness",
    "https://127.0.0.1:1/",
    "--witness-pin",
    PIN,
    "--directory-key",
    PIN,
];

/// Not the pin of anybody's key.
const PIN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn a_pin_is_printed_for_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    std::fs::write(folder.path().join("it.pem"), certificate.pem()).unwrap();

    let output = wallet(folder.path(), &["pin", "it.pem"]);

    let expected = client::Pin::of_certificate(certificate.der()).unwrap();
    assert_eq!(said(&output.stdout), format!("{expected}\n"));
}

#[test]
fn a_new_wallet_says_what_comes_first_and_a_damaged_one_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = wallet(folder.path(), &["status"]);
    assert!(output.status.success());
    assert!(said(&output.stdout).contains("`buy` is the first step"));
    let output = wallet(folder.path(), &["status", "--json"]);
    assert_eq!(
        said(&output.stdout),
        "{\"purchases\":[],\"votes\":[],\"nextVote\":null}\n"
    );

    std::fs::write(folder.path().join("broken.json"), "no wallet").unwrap();
    let output = wallet(folder.path(), &["status", "--wallet", "broken.json"]);
    assert!(!output.status.success());
    assert!(said(&output.stderr).contains("broken.json cannot be read"));
}

#[test]
fn a_wallet_that_another_program_works_with_is_read_and_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let opened = client::wallet::Wallet::open(folder.path().join("wallet.json")).unwrap();
    opened.save().unwrap();

    let mut voting = vec!["vote", "--for", "example.com"];
    voting.extend(NETWORK);
    let refused = wallet(folder.path(), &voting);

    assert!(!refused.status.success());
    let why = said(&refused.stderr);
    assert!(why.contains("wait until it has ended, or end it"), "{why}");
    assert!(wallet(folder.path(), &["status"]).status.success());
}

#[test]
fn a_vote_says_by_which_numbers_it_goes_and_knows_its_purchases() {
    let folder = tempfile::tempdir().unwrap();
    let mut voting = vec!["vote", "--for", "example.com=3", "--vote-anyway", "7"];
    voting.extend(["--profile", "demo"]);
    voting.extend(NETWORK);

    let output = wallet(folder.path(), &voting);

    assert!(!output.status.success());
    let said = said(&output.stderr);
    assert!(said.contains("key notice 0, key window 0, anonymity set 0"));
    assert!(said.contains("hide nobody"));
    assert!(said.contains("the wallet has no purchase 7"), "{said}");
}

#[test]
fn attention_of_nothing_is_refused_at_the_door() {
    let folder = tempfile::tempdir().unwrap();
    let mut voting = vec!["vote", "--for", "example.com=0"];
    voting.extend(NETWORK);

    let output = wallet(folder.path(), &voting);

    assert!(said(&output.stderr).contains("attention is a number from 1 on"));
}

/// Whom a reporter talks to: nobody is there.
const STAR: [&str; 8] = [
    "--randomness",
    "https://127.0.0.1:1/",
    "--randomness-pin",
    PIN,
    "--collect",
    "https://127.0.0.1:1/",
    "--collect-pin",
    PIN,
];

#[test]
fn reports_that_wait_are_told_and_a_damaged_file_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = wallet(folder.path(), &["report", "status"]);
    assert!(said(&output.stdout).contains("`report measure` is the first step"));
    let output = wallet(folder.path(), &["report", "status", "--json"]);
    assert_eq!(
        said(&output.stdout),
        "{\"kept\":[],\"made\":0,\"settled\":{}}\n"
    );

    std::fs::write(folder.path().join("broken.json"), "no reports").unwrap();
    let status = ["report", "status", "--reports", "broken.json"];
    let output = wallet(folder.path(), &status);
    assert!(!output.status.success());
    assert!(said(&output.stderr).contains("broken.json cannot be used"));
}

#[test]
fn what_is_no_measurement_is_refused_before_anybody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let measure = |layers: &[&str]| {
        let mut words = vec!["report", "measure"];
        words.extend(STAR);
        words.extend(layers.iter().flat_map(|layer| ["--layer", *layer]));
        let output = wallet(folder.path(), &words);
        assert!(!output.status.success());
        said(&output.stderr)
    };

    assert!(measure(&[]).contains("--layer <NAME=VALUE>"));
    assert!(measure(&["platform"]).contains("a layer is NAME=VALUE"));
    assert!(measure(&["total=1"]).contains("is not total"));
    assert!(measure(&["a=1", "a=2"]).contains("two layers have the same name"));
    assert!(!folder.path().join("reports.json").exists());
}

#[test]
fn with_nothing_to_send_nobody_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let mut words = vec!["report", "send"];
    words.extend(STAR);

    let output = wallet(folder.path(), &words);

    assert!(output.status.success(), "{}", said(&output.stderr));
    assert!(said(&output.stdout).contains("Nothing was measured"));
}

#[test]
fn completions_are_printed() {
    let folder = tempfile::tempdir().unwrap();
    let output = wallet(folder.path(), &["completions", "bash"]);

    assert!(output.status.success());
    assert!(!output.stdout.is_empty());
}
