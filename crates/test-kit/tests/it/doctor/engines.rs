//! What is wrong with real engines only: servers, roles, tables of an owner, topics, permissions.

mod measurements;
mod troubles;

use super::{
    CHALLENGE_BYPASS, NOWHERE, PAYMENTS, Report, ServiceName, TALLY, World, execute, now,
    running::{DATABASES, Watch, is_ready},
    setting, with, wrong,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_service_says_that_its_tables_are_newer_and_is_ready_again_by_itself() {
    let world = World::start().await.unwrap();
    let url = setting(&world.layout().settings(CHALLENGE_BYPASS), "database.url");
    let owner = owner(&url, "challenge_bypass");
    let newer = "UPDATE _sqlx_migrations SET version = version + 99";
    let mended = "UPDATE _sqlx_migrations SET version = version - 99";

    let mut watch = Watch::begin(&DATABASES).await;
    is_ready(&world, CHALLENGE_BYPASS).await;

    execute(&owner, newer).await;
    let says = ("database", "run the program that made them");
    watch.is_told(&world, CHALLENGE_BYPASS, says).await;
    watch.shows(&world, "database", true).await;

    execute(&owner, mended).await;
    is_ready(&world, CHALLENGE_BYPASS).await;
    watch.shows(&world, "database", false).await;
}

/// The URL of the same database as the role that owns the tables.
fn owner(url: &str, role: &str) -> String {
    // Whichever cluster has it.
    let mut clusters = std::fs::read_dir(service_kit::engines::folder()).unwrap();
    let password = clusters
        .find_map(|cluster| {
            let file = cluster
                .unwrap()
                .path()
                .join(format!("{role}_owner.password"));
            std::fs::read_to_string(file).ok()
        })
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
            "UPDATE _sqlx_migrations SET version = version + 98",
            "UPDATE _sqlx_migrations SET version = version - 98",
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

/// What the doctor says to a service that comes with the certificate of `principal`.
async fn as_principal(world: &World, service: ServiceName, principal: &str) -> Report {
    let certificates = service_kit::engines::folder().join("certificates");
    let file = |kind: &str| certificates.join(format!("{principal}.{kind}"));
    let mut settings = world.layout().settings(service);
    settings
        .set("event_log.tls.certificate_file", file("crt").display())
        .set("event_log.tls.key_file", file("key").display());
    now(service, &settings).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_access_list_does_not_allow_is_told_topic_by_topic() {
    let world = World::start().await.unwrap();
    let environment = world.engines().unwrap().environment();
    let topic = |name: &str| format!("topic {environment}.{name}");

    // Somebody who may read votes and nothing else.
    let report = as_principal(&world, PAYMENTS, "eyeshade").await;

    let text = report.to_text(false);
    let expected = [
        "event log: access",
        &topic("payment.vote"),
        &topic("payment.funds"),
        &topic("payment.directory"),
        &topic("payments.positions"),
        "event log: publishing",
        "outbox: votes",
        "outbox: funds",
    ];
    assert_eq!(wrong(&report), expected, "{text}");
    assert!(text.contains("write to the topic"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_are_not_there_or_refuse_the_certificate_and_topics_that_nobody_made_are_told()
{
    let world = World::start().await.unwrap();

    let rogue = as_principal(&world, TALLY, "rogue").await;
    let text = rogue.to_text(false);
    assert_eq!(wrong(&rogue), ["event log: access"], "{text}");
    assert!(text.contains("refuses our certificate"), "{text}");

    let url = format!("kafka:{NOWHERE}");
    let nowhere = now(TALLY, &with(&world, TALLY, "event_log.url", url)).await;
    assert_eq!(
        wrong(&nowhere),
        ["event log: broker"],
        "{}",
        nowhere.to_text(false)
    );

    let unmade = now(TALLY, &with(&world, TALLY, "environment", "nowhere")).await;
    for topic in [
        "topic nowhere.payment.vote",
        "topic nowhere.tally.ledger-head",
    ] {
        assert!(wrong(&unmade).contains(&topic), "{}", unmade.to_text(false));
    }
}
