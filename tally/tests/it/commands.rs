//! The commands of the real program.

use std::process::{Command, Output};

use messages::{FundingSource, avro::Record as _};
use tally::Rules;

use crate::app::{App, directory_public_keys, funds};

/// A stopped tally with a closed month.
async fn closed() -> App {
    let mut app = App::start().await;
    app.vote(1, "example.com", 5).await;
    app.until("2026-02-01T00:40:00Z").await;
    app.funds("2026-01-31", [("0", 0, 0), ("10", 40, 40)]).await;
    app.until("2026-02-04T02:00:00Z").await;
    app.stop().await;
    app
}

pub(crate) fn run(app: &App, arguments: &[&str]) -> Output {
    let path = |name| app.path(name).display().to_string();
    let database = format!("sqlite:{}", path("tally.db"));
    let log = format!("embedded:{}", path("log.db"));
    Command::new(env!("CARGO_BIN_EXE_tally"))
        .args(arguments)
        .args([
            "--environment",
            "test",
            "--database-url",
            &database,
            "--event-log-url",
            &log,
        ])
        .args(["--ledger-head-key-file", &path("head.key")])
        .args(["--directory-public-keys", &directory_public_keys()])
        .output()
        .unwrap()
}

pub(crate) fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

#[tokio::test]
async fn verify_accepts_what_was_written_and_finds_what_was_changed() {
    let app = closed().await;
    let head = run(&app, &["head"]);
    assert!(head.status.success(), "{}", text(&head));
    let kept = app.path("kept.json");
    std::fs::write(&kept, &head.stdout).unwrap();
    let kept = kept.display().to_string();

    let verified = run(&app, &["verify", "--head", &kept]);
    assert!(verified.status.success(), "{}", text(&verified));
    assert!(
        text(&verified).contains("verified: 3 entries"),
        "{}",
        text(&verified)
    );

    let url = format!("sqlite:{}", app.path("tally.db").display());
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    sqlx::query("UPDATE ledger_entry SET credit = 'publisher:example.org' WHERE position = 2")
        .execute(&pool)
        .await
        .unwrap();
    pool.close().await;
    let found = run(&app, &["verify", "--head", &kept]);
    assert!(!found.status.success());
    assert!(
        text(&found).contains("entry 2 does not follow"),
        "{}",
        text(&found)
    );
}

#[tokio::test]
async fn close_says_why_the_next_month_does_not_close() {
    let app = closed().await;

    let closed = run(&app, &["close"]);

    assert!(closed.status.success(), "{}", text(&closed));
    assert!(
        text(&closed).contains("nothing more to close"),
        "{}",
        text(&closed)
    );
}

#[tokio::test]
async fn close_reads_to_the_end_of_the_log_and_closes_what_is_due() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 5).await;
    app.until("2026-02-04T01:00:00Z").await;
    app.stop().await;
    app.funds("2026-01-31", [("0", 0, 0), ("10", 40, 40)]).await;

    let first = text(&run(&app, &["close"]));
    let second = text(&run(&app, &["close"]));

    assert!(first.contains("closed 2026-01"), "{first}");
    let why = "is of 2026-01-31, before the end of 2026-02";
    assert!(first.contains(why), "{first}");
    assert!(
        !second.contains("closed") && second.contains(why),
        "{second}"
    );
    app.run(Rules::default()).await;
    let payouts = app.json("/v1/months/2026-01/payouts").await;
    assert_eq!(payouts["payouts"][0]["amount"], "1.1875");
}

#[tokio::test]
async fn a_new_key_is_made_once_and_help_explains_every_command() {
    let app = closed().await;
    let file = app.path("new.key").display().to_string();

    assert!(text(&run(&app, &["new-head-key", &file])).contains("public key: "));
    assert!(!run(&app, &["new-head-key", &file]).status.success());
    let help = text(&run(&app, &["--help"]));
    for command in [
        "close",
        "completions",
        "funds",
        "head",
        "new-head-key",
        "outbox",
        "rewind",
        "serve",
        "verify",
    ] {
        assert!(help.contains(command), "{command}");
    }
    for decision in ["accept", "reject"] {
        let mark = "0".repeat(32);
        let nothing = run(&app, &["funds", decision, "user-wallet", "0.25", &mark]);
        assert!(!nothing.status.success());
    }
    assert!(run(&app, &["funds", "list"]).status.success());
    assert!(run(&app, &["completions", "bash"]).status.success());
}

/// After a restore, payments restates its totals: nothing is booked or closed until an operator agrees.
#[tokio::test]
async fn a_restatement_holds_the_month_until_it_is_accepted() {
    let mut app = App::start().await;
    app.vote(1, "example.com", 4).await;
    app.until("2026-02-01T00:40:00Z").await;
    app.funds("2026-01-31", [("0", 0, 0), ("10", 40, 40)]).await;
    let mut restated = funds("2026-01-30", FundingSource::UserWallet, "9", 36, 36);
    restated.restatement = true;
    app.publish(&app.topics.funds, "user-wallet", restated.encode())
        .await;
    app.until("2026-02-05T00:00:00Z").await;
    assert_eq!(app.json("/v1/months/2026-01").await["state"], "closing");

    let listed = text(&run(&app, &["funds", "list"]));
    assert!(
        listed.contains(": by 2026-01-30 received 9 BAT, sold 36 votes"),
        "{listed}"
    );
    let mark = listed
        .strip_prefix("user-wallet 0.25 ")
        .and_then(|rest| rest.split(':').next());
    let accepted = ["funds", "accept", "user-wallet", "0.25", mark.unwrap()];
    let accepted = run(&app, &accepted);
    assert!(accepted.status.success(), "{}", text(&accepted));

    // Its day is before the end of the month, so a later record is needed, too.
    app.funds("2026-02-05", [("0", 0, 0), ("9", 36, 36)]).await;
    app.until("2026-02-06T12:00:00Z").await;
    assert_eq!(app.json("/v1/months/2026-01").await["state"], "closed");
    let entries = app.json("/v1/ledger/entries").await;
    assert_eq!(entries["entries"][1]["debit"], "pool:user-wallet");
    assert_eq!(entries["entries"][1]["amount"], "1");
}

#[tokio::test]
async fn migrate_makes_the_tables() {
    let app = closed().await;
    let url = format!("sqlite:{}", app.path("other.db").display());

    let migrated = run(&app, &["migrate", "--database-owner-url", &url]);

    assert!(migrated.status.success(), "{}", text(&migrated));
    let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
    let tables = sqlx::query("SELECT * FROM ledger_entry").fetch_all(&pool);
    assert!(tables.await.unwrap().is_empty());
}

#[cfg(not(feature = "postgres"))]
#[tokio::test]
async fn a_program_without_postgresql_says_what_it_lacks() {
    let app = closed().await;

    let refused = run(
        &app,
        &["migrate", "--database-owner-url", "postgres://a@b/c"],
    );

    assert!(!refused.status.success());
    assert!(
        text(&refused).contains("--features postgres"),
        "{}",
        text(&refused)
    );
}

#[tokio::test]
async fn the_doctor_ends_with_1_where_something_is_wrong_and_says_it_to_programs_too() {
    let app = closed().await;
    let well = run(&app, &["doctor"]);
    assert!(well.status.success(), "{}", text(&well));
    assert!(text(&well).contains("right  outbox"), "{}", text(&well));
    assert!(!text(&well).contains('\u{1b}'), "colours in a pipe");

    std::fs::remove_file(app.path("head.key")).unwrap();
    let ill = run(&app, &["doctor", "--json"]);

    assert_eq!(ill.status.code(), Some(1), "{}", text(&ill));
    let said: serde_json::Value = serde_json::from_slice(&ill.stdout).unwrap();
    assert_eq!(said["right"], false);
    let findings = said["findings"].as_array().unwrap();
    let wrong: Vec<_> = findings
        .iter()
        .filter(|one| one["right"] == false)
        .collect();
    assert_eq!(wrong.len(), 1, "{said}");
    assert_eq!(wrong[0]["what"], "secret: head key");
    let help = run(&app, &["--help"]);
    assert!(text(&help).contains("doctor"), "{}", text(&help));
}
