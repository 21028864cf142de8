//! `SERVICE doctor`: all is right in a system that runs; in a broken one, what is broken says what to do, and only that.

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
    if url.starts_with("sqlite:") {
        let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        return;
    }
    #[cfg(feature = "engines")]
    {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    }
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_setting_that_is_wrong_is_told_in_the_line_of_what_it_is_for() {
    let world = World::start().await.unwrap();
    let pki = world.layout().pki();
    let other_key = pki.identity("tally").key.display().to_string();
    let not_payments = pki.identity("tally");
    let mut not_let_in = with(
        &world,
        PAYMENTS,
        "challenge_bypass.tls.certificate_file",
        not_payments.certificate.display(),
    );
    not_let_in.set("challenge_bypass.tls.key_file", not_payments.key.display());
    let nowhere = format!("https://{NOWHERE}/");
    let other_sealing_key = world.layout().file("other-sealing.key");
    service_kit::secret::SecretFile::new(&other_sealing_key)
        .create_key()
        .unwrap();
    let change = |service, name, value: &str| (service, with(&world, service, name, value));

    for ((service, settings), what, says) in [
        (
            change(PAYMENTS, "secrets.orders_file", "/nowhere"),
            "secret: orders",
            "/nowhere",
        ),
        (
            change(PAYMENTS, "secrets.sku_root_files", "[]"),
            "secret: SKU root",
            "set secrets",
        ),
        (
            change(PAYMENTS, "http.tls.key_file", &other_key),
            "listener: certificate",
            "TLS refuses",
        ),
        (
            change(PAYMENTS, "challenge_bypass.url", &nowhere),
            "challenge-bypass",
            "start the server",
        ),
        (
            change(PAYMENTS, "challenge_bypass.tls.ca_file", "/nowhere"),
            "challenge-bypass: certificate",
            "/nowhere",
        ),
        ((PAYMENTS, not_let_in), "challenge-bypass: access", "refuse"),
        (
            change(PAYMENTS, "custodians.uphold.url", &nowhere),
            "custodian: Uphold",
            "start the server",
        ),
        (
            change(
                CHALLENGE_BYPASS,
                "keys.sealing_key_file",
                &other_sealing_key.to_string_lossy(),
            ),
            "signing keys",
            "older_sealing_key_files",
        ),
        (
            change(CHALLENGE_BYPASS, "database.url", "mysql://a"),
            "database",
            "sqlite:",
        ),
        (
            change(TALLY, "directory.public_keys", "[\"x\"]"),
            "directory keys",
            "public half",
        ),
        (
            change(TALLY, "ledger.head_key_file", "/nowhere"),
            "secret: head key",
            "/nowhere",
        ),
        (
            change(TALLY, "event_log.url", "nowhere"),
            "event log",
            "embedded:",
        ),
    ] {
        let report = now(service, &settings).await;
        assert_eq!(wrong(&report), [what], "{}", report.to_text(false));
        let found = report.findings().iter().find(|one| !one.right).unwrap();
        assert!(found.says.contains(says), "{found:?}");
    }
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
    // So that something was read and published.
    world.run_for(TimeDelta::days(2)).await;
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

#[cfg(feature = "engines")]
mod engines {
    use super::{
        CHALLENGE_BYPASS, NOWHERE, PAYMENTS, ServiceName, TALLY, World, execute, now, setting,
        with, wrong,
    };

    /// The URL of the same database as the role that owns the tables.
    fn owner(url: &str, role: &str) -> String {
        // Whichever cluster has it.
        let clusters = std::fs::read_dir(service_kit::engines::folder()).unwrap();
        let password = clusters
            .filter_map(|cluster| {
                let file = cluster
                    .unwrap()
                    .path()
                    .join(format!("{role}_owner.password"));
                std::fs::read_to_string(file).ok()
            })
            .next()
            .unwrap();
        let (_, rest) = url.split_once('@').unwrap();
        format!("postgres://{role}_owner:{}@{rest}", password.trim())
    }

    fn schema(url: &str) -> &str {
        url.rsplit("%5D=").next().unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_role_that_may_too_much_or_too_little_and_tables_of_another_version_are_told() {
        let world = World::start().await.unwrap();
        let settings = world.layout().settings(CHALLENGE_BYPASS);
        let url = setting(&settings, "database.url");
        let (owner, schema) = (owner(&url, "challenge_bypass"), schema(&url).to_owned());
        for (broken, mended, what, says) in [
            (
                "GRANT CREATE ON SCHEMA @ TO challenge_bypass",
                "REVOKE CREATE ON SCHEMA @ FROM challenge_bypass",
                "database: role",
                "may make tables",
            ),
            (
                "GRANT TRUNCATE ON redemptions TO challenge_bypass",
                "REVOKE TRUNCATE ON redemptions FROM challenge_bypass",
                "database: role",
                "may truncate redemptions",
            ),
            (
                "REVOKE INSERT ON redemptions FROM challenge_bypass",
                "GRANT INSERT ON redemptions TO challenge_bypass",
                "database: role",
                "may not insert rows of redemptions",
            ),
            (
                "REVOKE EXECUTE ON FUNCTION drop_redemptions(BIGINT) FROM challenge_bypass",
                "GRANT EXECUTE ON FUNCTION drop_redemptions(BIGINT) TO challenge_bypass",
                "database: role",
                "may not call drop_redemptions",
            ),
            (
                "UPDATE _sqlx_migrations SET version = 99",
                "UPDATE _sqlx_migrations SET version = 1",
                "database: tables",
                "version 99",
            ),
        ] {
            execute(&owner, &broken.replace('@', &schema)).await;
            let report = now(CHALLENGE_BYPASS, &settings).await;
            execute(&owner, &mended.replace('@', &schema)).await;

            assert_eq!(wrong(&report), [what], "{}", report.to_text(false));
            assert!(
                report.to_text(false).contains(says),
                "{}",
                report.to_text(false)
            );
        }
        let report = now(CHALLENGE_BYPASS, &settings).await;
        assert!(wrong(&report).is_empty(), "{}", report.to_text(false));
        // Whoever owns the tables may do anything to them.
        let as_owner = now(
            CHALLENGE_BYPASS,
            &with(&world, CHALLENGE_BYPASS, "database.url", owner),
        )
        .await;
        assert_eq!(
            wrong(&as_owner),
            ["database: role"],
            "{}",
            as_owner.to_text(false)
        );
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_server_that_is_not_there_and_a_wrong_password_are_told() {
        let world = World::start().await.unwrap();
        let url = setting(&world.layout().settings(TALLY), "database.url");
        let (_, place) = url.split_once('@').unwrap();
        let (address, rest) = place.split_once('/').unwrap();
        for (broken, what, says) in [
            (
                url.replace(address, NOWHERE),
                "database: server",
                "start the server",
            ),
            (
                format!("postgres://tally:wrong@{address}/{rest}"),
                "database: role",
                "password of the role tally",
            ),
            (
                url.replace("verify-full", "prefer"),
                "database",
                "sslmode=verify-full",
            ),
        ] {
            let report = now(TALLY, &with(&world, TALLY, "database.url", broken)).await;
            assert_eq!(wrong(&report), [what], "{}", report.to_text(false));
            assert!(
                report.to_text(false).contains(says),
                "{}",
                report.to_text(false)
            );
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn topics_permissions_and_certificates_that_the_brokers_refuse_are_told() {
        let world = World::start().await.unwrap();
        let environment = world.engines().unwrap().environment().to_owned();
        let report = |service: ServiceName, changed: Vec<(&'static str, String)>| {
            let mut settings = world.layout().settings(service);
            for (name, value) in changed {
                settings.set(name, value);
            }
            async move { now(service, &settings).await }
        };
        let certificates = service_kit::engines::folder().join("certificates");
        let principal = |name: &str| {
            let file = |kind: &str| {
                certificates
                    .join(format!("{name}.{kind}"))
                    .display()
                    .to_string()
            };
            vec![
                ("event_log.tls.certificate_file", file("crt")),
                ("event_log.tls.key_file", file("key")),
            ]
        };

        // Somebody who may read votes and nothing else.
        let eyeshade = report(PAYMENTS, principal("eyeshade")).await;
        let topic = |name: &str| format!("topic {environment}.{name}");
        assert_eq!(
            wrong(&eyeshade),
            [
                &topic("payment.vote"),
                &topic("payment.funds"),
                &topic("payment.directory"),
                &topic("payments.positions"),
                "event log: publishing",
                "outbox: votes",
                "outbox: funds",
            ],
            "{}",
            eyeshade.to_text(false)
        );
        assert!(
            eyeshade.to_text(false).contains("write to the topic"),
            "{}",
            eyeshade.to_text(false)
        );

        // Somebody whom another authority vouches for.
        let rogue = report(TALLY, principal("rogue")).await;
        assert!(
            rogue.to_text(false).contains("refuses our certificate"),
            "{}",
            rogue.to_text(false)
        );

        // Nobody listens.
        let nowhere = report(TALLY, vec![("event_log.url", format!("kafka:{NOWHERE}"))]).await;
        assert_eq!(
            wrong(&nowhere),
            ["event log: broker"],
            "{}",
            nowhere.to_text(false)
        );

        // An environment whose topics nobody made.
        let unmade = report(TALLY, vec![("environment", "nowhere".to_owned())]).await;
        let missing = wrong(&unmade);
        assert!(
            missing.contains(&"topic nowhere.payment.vote"),
            "{}",
            unmade.to_text(false)
        );
        assert!(
            missing.contains(&"topic nowhere.tally.ledger-head"),
            "{}",
            unmade.to_text(false)
        );
    }
}
