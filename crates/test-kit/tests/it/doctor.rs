//! `SERVICE doctor`: all is right in a system that runs; in a broken one, what is broken says what to do, and only that.

#[cfg(feature = "engines")]
mod engines;
pub(crate) mod measurements;
mod running;

use std::{fs, path::Path};

use blindtally::system::{ServiceName, Settings};
use chrono::TimeDelta;
use clock::Clock;
use service_kit::doctor::Report;
use sqlx::Connection as _;
use test_kit::World;

/// Nobody listens there.
const NOWHERE: &str = "127.0.0.1:1";

const PAYMENTS: ServiceName = ServiceName::Payments;
const CHALLENGE_BYPASS: ServiceName = ServiceName::ChallengeBypass;
const TALLY: ServiceName = ServiceName::Tally;

/// What the doctor of a service with these settings says, at a time.
async fn at(clock: &Clock, service: ServiceName, settings: &Settings) -> Report {
    match service {
        PAYMENTS => {
            let config = settings.load(service).unwrap();
            Box::pin(payments::doctor::examine(&config, clock)).await
        }
        CHALLENGE_BYPASS => {
            let config = settings.load(service).unwrap();
            Box::pin(challenge_bypass::doctor::examine(&config, clock)).await
        }
        TALLY => {
            let config = settings.load(service).unwrap();
            Box::pin(tally::doctor::examine(&config, clock)).await
        }
        ServiceName::SandboxCustodian => panic!("the sandbox has no doctor"),
    }
}

/// What is wrong, by name.
fn wrong(report: &Report) -> Vec<&str> {
    let wrong = report.findings().iter().filter(|one| !one.right);
    wrong.map(|one| one.what.as_str()).collect()
}

async fn now(service: ServiceName, settings: &Settings) -> Report {
    at(&Clock::system(), service, settings).await
}

/// What the service is told, with one setting changed.
fn with(
    world: &World,
    service: ServiceName,
    name: &str,
    value: impl std::fmt::Display,
) -> Settings {
    let mut settings = world.layout().settings(service);
    settings.set(name, value);
    settings
}

fn setting(settings: &Settings, name: &str) -> String {
    let found = settings.entries().find(|(found, _)| *found == name);
    found.unwrap().1.to_owned()
}

/// Changes something in a database of the system behind the service's back.
async fn execute(url: &str, sql: &str) {
    let sql = sqlx::AssertSqlSafe(sql.to_owned());
    #[cfg(feature = "engines")]
    if url.starts_with("postgres:") {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        return;
    }
    let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_right_in_a_system_that_runs_and_looking_changes_nothing() {
    let world = World::start().await.unwrap();

    for _twice in 0..2 {
        for (service, at_least) in [(PAYMENTS, 20), (CHALLENGE_BYPASS, 5), (TALLY, 12)] {
            let report = now(service, &world.layout().settings(service)).await;

            assert_eq!(
                wrong(&report),
                Vec::<&str>::new(),
                "{}",
                report.to_text(false)
            );
            let count = report.findings().len();
            assert!(count >= at_least, "{}", report.to_text(false));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn before_the_first_start_everything_is_right_but_what_others_have_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let profile = blindtally::system::Profile::demo();
    let layout = blindtally::system::Layout::open(folder.path(), profile).unwrap();

    let tally = now(TALLY, &layout.settings(TALLY)).await;
    let payments = now(PAYMENTS, &layout.settings(PAYMENTS)).await;

    assert_eq!(
        wrong(&tally),
        Vec::<&str>::new(),
        "{}",
        tally.to_text(false)
    );
    assert_eq!(
        wrong(&payments),
        ["challenge-bypass", "custodian: Uphold", "custodian: Gemini"],
        "{}",
        payments.to_text(false)
    );
    let files = fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    assert!(
        names
            .iter()
            .all(|name| !name.to_string_lossy().contains(".db")),
        "{names:?}"
    );
}

/// One setting, and the one line that then says what to do.
type Wrong<'a> = (&'a str, &'a str, &'a str, &'a str);

async fn is_told_in_its_line(world: &World, service: ServiceName, wrongs: &[Wrong<'_>]) {
    for (name, value, what, says) in wrongs {
        let report = now(service, &with(world, service, name, value)).await;
        assert_eq!(wrong(&report), [*what], "{}", report.to_text(false));
        let found = report.findings().iter().find(|one| !one.right).unwrap();
        assert!(found.says.contains(says), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_file_and_address_that_is_wrong_is_told_in_the_line_of_what_it_is_for() {
    let world = World::start().await.unwrap();
    let other_key = world.layout().pki().identity("tally").key;
    let other_key = other_key.display().to_string();
    let nowhere = format!("https://{NOWHERE}/");
    let start = "start the server";
    let of_payments = [
        (
            "secrets.orders_file",
            "/nowhere",
            "secret: orders",
            "/nowhere",
        ),
        (
            "secrets.sku_root_files",
            "[]",
            "secret: SKU root",
            "set secrets",
        ),
        (
            "http.tls.key_file",
            other_key.as_str(),
            "listener: certificate",
            "TLS refuses",
        ),
        (
            "challenge_bypass.url",
            nowhere.as_str(),
            "challenge-bypass",
            start,
        ),
        (
            "challenge_bypass.tls.ca_file",
            "/nowhere",
            "challenge-bypass: certificate",
            "/nowhere",
        ),
        (
            "custodians.uphold.url",
            nowhere.as_str(),
            "custodian: Uphold",
            start,
        ),
    ];
    is_told_in_its_line(&world, PAYMENTS, &of_payments).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_do_not_open_or_are_no_keys_are_told_and_so_are_urls_of_no_engine() {
    let world = World::start().await.unwrap();
    let other_sealing_key = world.layout().file("other-sealing.key");
    let made = service_kit::secret::SecretFile::new(&other_sealing_key).create_key();
    made.unwrap();

    let key = other_sealing_key.display().to_string();
    let of_challenge_bypass = [
        (
            "keys.sealing_key_file",
            key.as_str(),
            "signing keys",
            "older_sealing_key_files",
        ),
        ("database.url", "mysql://a", "database", "sqlite:"),
    ];
    is_told_in_its_line(&world, CHALLENGE_BYPASS, &of_challenge_bypass).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_setting_of_tally_that_is_wrong_is_told_in_the_line_of_what_it_is_for() {
    let world = World::start().await.unwrap();
    let of_tally = [
        (
            "directory.public_keys",
            "[\"x\"]",
            "directory keys",
            "public half",
        ),
        (
            "ledger.head_key_file",
            "/nowhere",
            "secret: head key",
            "/nowhere",
        ),
        ("event_log.url", "nowhere", "event log", "embedded:"),
    ];
    is_told_in_its_line(&world, TALLY, &of_tally).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_that_challenge_bypass_does_not_let_in_is_told() {
    let world = World::start().await.unwrap();
    let tally = world.layout().pki().identity("tally");
    let mut settings = world.layout().settings(PAYMENTS);
    settings
        .set(
            "challenge_bypass.tls.certificate_file",
            tally.certificate.display(),
        )
        .set("challenge_bypass.tls.key_file", tally.key.display());

    let report = now(PAYMENTS, &settings).await;

    assert_eq!(
        wrong(&report),
        ["challenge-bypass: access"],
        "{}",
        report.to_text(false)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_near_their_end_and_clocks_apart_are_told() {
    let world = World::start().await.unwrap();
    let settings = world.layout().settings(PAYMENTS);
    let later = async |days| {
        let (clock, _) = Clock::simulated(Clock::system().now() + TimeDelta::days(days));
        at(&clock, PAYMENTS, &settings).await
    };

    let hundred_years = later(36_500).await;
    let wrong_then = wrong(&hundred_years);
    assert!(
        !wrong_then.contains(&"challenge-bypass: access"),
        "it is looked on"
    );
    for what in [
        "listener: certificate",
        "challenge-bypass: certificate",
        "custodian: Uphold",
    ] {
        assert!(
            wrong_then.contains(&what),
            "{}",
            hundred_years.to_text(false)
        );
    }
    if world.engines().is_some() {
        let tomorrow = later(1).await;
        assert_eq!(
            wrong(&tomorrow),
            ["orders database: clock", "votes database: clock"],
            "{}",
            tomorrow.to_text(false)
        );
        assert!(
            wrong_then.contains(&"event log: broker"),
            "{}",
            hundred_years.to_text(false)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tables_of_another_version_and_positions_that_disagree_are_told() {
    let mut world = World::start().await.unwrap();
    let settings = world.layout().settings(TALLY);
    let url = setting(&settings, "database.url");
    // So that the ledger's first head is published, and the key directory's read.
    world.run_for(TimeDelta::hours(2)).await;
    world.stop().await.unwrap();

    // A database from a backup: it gave fewer positions, and a log that lost what was read.
    execute(
        &url,
        "UPDATE outbox_state SET counter = 0; UPDATE consumer_offset SET next_offset = 1000000",
    )
    .await;
    let restored = now(TALLY, &settings).await;
    let wrong_then = wrong(&restored);
    assert!(
        wrong_then.contains(&"outbox"),
        "{}",
        restored.to_text(false)
    );
    assert!(
        wrong_then.iter().any(|what| what.starts_with("reading ")),
        "{}",
        restored.to_text(false)
    );
    assert!(
        restored.to_text(false).contains("new-generation"),
        "{}",
        restored.to_text(false)
    );

    // Another program altered the tables. In PostgreSQL only their owner could: see below.
    if world.engines().is_none() {
        execute(&url, "UPDATE _sqlx_migrations SET checksum = x'00'").await;
        let altered = now(TALLY, &settings).await;
        assert_eq!(
            wrong(&altered),
            ["database: tables"],
            "{}",
            altered.to_text(false)
        );
    }
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_others_can_read_are_told() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = World::start().await.unwrap();
    let open = |file: &Path| {
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    };
    let settings = world.layout().settings(TALLY);
    open(Path::new(&setting(&settings, "ledger.head_key_file")));
    let mut expected = vec!["secret: head key"];
    if world.engines().is_none() {
        open(&world.layout().file("tally.db"));
        expected.push("database: file");
    }

    let report = now(TALLY, &settings).await;

    assert_eq!(wrong(&report), expected, "{}", report.to_text(false));
    assert!(
        report.to_text(false).contains("chmod 600"),
        "{}",
        report.to_text(false)
    );
}
