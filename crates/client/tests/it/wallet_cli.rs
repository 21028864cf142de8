//! The `wallet` program, from the outside.

use std::process::{Command, Output};

fn wallet(arguments: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_wallet"))
        .args(arguments)
        .current_dir(folder.path())
        .output()
        .unwrap()
}

#[test]
fn a_pin_is_printed_for_a_certificate() {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), certificate.pem()).unwrap();

    let output = wallet(&["pin", file.path().to_str().unwrap()]);

    let expected = client::Pin::of_certificate(certificate.der()).unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        format!("{expected}\n")
    );
}

#[test]
fn a_new_wallet_has_nothing_to_show_and_a_damaged_one_is_an_error() {
    let output = wallet(&["status"]);
    assert!(output.status.success());
    assert!(output.stdout.is_empty());

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "no wallet").unwrap();
    let output = wallet(&["status", "--wallet", file.path().to_str().unwrap()]);
    assert!(!output.status.success());
}

#[test]
fn completions_are_printed() {
    let output = wallet(&["completions", "bash"]);

    assert!(output.status.success());
    assert!(!output.stdout.is_empty());
}
