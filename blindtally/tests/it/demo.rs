//! The demo as a program: what it prints, what it reports, and that a seed repeats it.

use std::{
    path::Path,
    process::{Command, Output},
};

use blindtally::{
    demo::{self, DemoArgs},
    system::Planted,
};
use serde_json::Value;

/// Few enough to be quick, and enough for every kind of wallet.
const BROWSERS: &str = "8";

/// Enough for measurements of every fate.
const MEASUREMENTS: &str = "1500";

fn demo(folder: &Path, report: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_blindtally"))
        .args(["demo", "--browsers", BROWSERS, "--publishers", "5"])
        .args(["--measurements", MEASUREMENTS])
        .args(["--seed", "7", "--report", report])
        .current_dir(folder)
        .output()
        .unwrap()
}

fn report(folder: &Path, file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join(file)).unwrap()).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_report_byte_for_byte() {
    let folder = tempfile::tempdir().unwrap();
    for file in ["one.json", "same.json"] {
        let output = demo(folder.path(), file);
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.contains("reconciled: yes"));
        assert!(said.contains("measurements exact: yes"), "{said}");
        let numbers = "key notice 0, key window 0, anonymity set 0, witnesses 1";
        let head = said.lines().take(3).collect::<String>();
        assert!(
            head.contains(numbers),
            "the demo profile is printed at start: {head}"
        );
        // No terminal, no progress bars.
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }

    let bytes = |file| std::fs::read(folder.path().join(file)).unwrap();
    assert_eq!(bytes("one.json"), bytes("same.json"));
    members_are_those_that_were_promised(&report(folder.path(), "one.json"));
}

fn members_are_those_that_were_promised(report: &Value) {
    let names: Vec<_> = report.as_object().unwrap().keys().cloned().collect();
    let mut promised = [
        "ordersPaid",
        "fundsReceived",
        "tokensSold",
        "tokensIssued",
        "tokensRedeemed",
        "votesAccepted",
        "eventsPublished",
        "votesCounted",
        "paidOut",
        "fees",
        "attacks",
        "reconciled",
        "measurements",
    ];
    promised.sort_unstable();
    let mut names_sorted = names;
    names_sorted.sort_unstable();
    assert_eq!(names_sorted, promised);

    assert_eq!(report["reconciled"], true);
    measurements_are_those_that_were_sent(&report["measurements"]);
    assert_eq!(report["votesAccepted"], report["eventsPublished"]);
    assert_eq!(report["tokensRedeemed"], report["votesCounted"]);
    for source in ["anonymous-card", "user-wallet"] {
        assert!(report["fundsReceived"][source].is_string());
        assert!(report["tokensSold"][source].as_u64().unwrap() > 0);
    }
    let attacks = report["attacks"].as_array().unwrap();
    assert_eq!(attacks.len(), 10);
    for attack in attacks {
        assert!(attack["tried"].as_u64().unwrap() > 0);
        assert_eq!(attack["tried"], attack["refused"], "{attack}");
    }
}

fn measurements_are_those_that_were_sent(measurements: &Value) {
    let count = |name: &str| measurements[name].as_u64().unwrap();
    assert_eq!(measurements["exact"], true);
    assert_eq!(count("sent").to_string(), MEASUREMENTS);
    let fates = ["opened", "partial", "closed"].map(count);
    assert_eq!(fates.iter().sum::<u64>(), count("sent"));
    assert!(fates.iter().all(|fate| *fate > 0), "{measurements}");
    for reason in ["duplicate", "forged", "threshold"] {
        assert!(measurements["rejected"][reason].as_u64().unwrap() > 0);
    }
}

/// Set for the process that the test below starts of itself: its demo has a fault that the program cannot be
/// told to have.
const PAYS_A_VOTE_TOO_FEW: &str = "BLINDTALLY_PAYS_A_VOTE_TOO_FEW";

#[test]
fn a_demo_whose_books_do_not_agree_ends_with_one() {
    if std::env::var_os(PAYS_A_VOTE_TOO_FEW).is_some() {
        pay_a_vote_too_few();
    }
    let this = "demo::a_demo_whose_books_do_not_agree_ends_with_one";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", this, "--nocapture"])
        .env(PAYS_A_VOTE_TOO_FEW, "1")
        .output()
        .unwrap();

    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("reconciled: no"), "{said}");
}

/// Runs the demo with the fault, and ends this process as the program would.
fn pay_a_vote_too_few() -> ! {
    let mut planted = Planted::default();
    planted.tally.votes_to_split = |waiting, _, covered| waiting.min(covered).saturating_sub(1);
    let args = DemoArgs {
        browsers: 2,
        publishers: 2,
        measurements: 0,
        ..DemoArgs::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let report = runtime.block_on(demo::run_planted(&args, planted)).unwrap();
    std::process::exit(report.exit_code().into());
}

#[test]
fn keep_leaves_the_databases_and_refuses_a_folder_that_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    std::fs::create_dir(&kept).unwrap();
    std::fs::write(kept.join("a file"), "of somebody").unwrap();

    let output = Command::new(env!("CARGO_BIN_EXE_blindtally"))
        .args(["demo", "--browsers", "1", "--measurements", "0", "--keep"])
        .arg(&kept)
        .output()
        .unwrap();

    assert!(!output.status.success());
    assert_eq!(std::fs::read_dir(&kept).unwrap().count(), 1);
}
