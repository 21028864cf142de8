//! Each trouble with a server is a sentence that says what to do, and is over by itself when it is mended.

use sqlx::{Connection as _, PgConnection};

use super::{Postgres, PostgresError, testing};
use crate::{engines::own::Own, tls::probe::Trouble};

/// What opening says of `url`.
async fn refused(url: &str) -> PostgresError {
    Postgres::open(url, &super::migrator()).await.unwrap_err()
}

fn url() -> String {
    testing::url("main", "tally", "tally")
}

#[tokio::test]
async fn a_wrong_password_a_strange_role_and_a_missing_database_are_told_apart() {
    let password = url()
        .split(['@'])
        .next()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .to_owned();
    let wrong = refused(&url().replace(&password, "wrong")).await;
    assert!(matches!(wrong, PostgresError::Password { .. }), "{wrong}");
    assert!(wrong.to_string().contains("correct it"), "{wrong}");

    let elsewhere = refused(&url().replace("/tally?", "/payments_orders?")).await;
    assert!(
        matches!(elsewhere, PostgresError::NotLetIn { .. }),
        "{elsewhere}"
    );
    assert!(
        elsewhere.to_string().contains("GRANT CONNECT"),
        "{elsewhere}"
    );

    let nowhere = refused(&url().replace("/tally?", "/nowhere?")).await;
    assert!(
        matches!(nowhere, PostgresError::NoDatabase { .. }),
        "{nowhere}"
    );
    for said in [wrong, elsewhere, nowhere] {
        assert!(!said.to_string().contains(&password), "{said}");
    }
}

#[tokio::test]
async fn a_server_of_another_authority_is_told() {
    let strange = url().replace("/ca.pem", "/other-ca.pem");
    let strange = refused(&strange).await;
    assert!(
        matches!(
            &strange,
            PostgresError::Connection(Trouble::TheirsStrange { .. })
        ),
        "{strange}"
    );

    let unreadable = url().replace("/ca.pem", "/nowhere.pem");
    let unreadable = refused(&unreadable).await;
    assert!(
        matches!(
            &unreadable,
            PostgresError::Connection(Trouble::OursUnusable(_))
        ),
        "{unreadable}"
    );
}

#[tokio::test]
async fn missing_tables_and_newer_ones_are_told_at_the_start_and_while_it_runs() {
    let apart = testing::apart("main", "tally").await;
    let none = refused(&apart.service).await.to_string();
    assert!(
        none.contains("no tables") && none.contains("`migrate`"),
        "{none}"
    );

    super::migrate(&apart.owner, &super::migrator())
        .await
        .unwrap();
    let db = Postgres::open(&apart.service, &super::migrator())
        .await
        .unwrap();
    db.check().await.unwrap();
    let mut owner = PgConnection::connect(&apart.owner).await.unwrap();
    for (change, is_wrong) in [
        (
            "INSERT INTO _sqlx_migrations SELECT 2, description, now(), success, checksum, 0 FROM _sqlx_migrations",
            true,
        ),
        ("DELETE FROM _sqlx_migrations WHERE version = 2", false),
    ] {
        sqlx::query(change).execute(&mut owner).await.unwrap();
        let checked = db.check().await;
        assert_eq!(checked.is_err(), is_wrong, "{checked:?}");
        if let Err(newer) = checked {
            assert!(newer.to_string().contains("version 2"), "{newer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_server_and_its_expired_certificate_are_told_and_it_is_found_again_by_itself() {
    let own = Own::start("postgres");
    let folder = own.folder();
    let settings = std::fs::read_to_string(folder.join("data/postgresql.conf")).unwrap();
    let port = settings
        .lines()
        .find_map(|line| line.strip_prefix("port = "));
    let password = std::fs::read_to_string(folder.join("super.password")).unwrap();
    let url = format!(
        "postgres://super:{}@127.0.0.1:{}/postgres?sslmode=verify-full&sslrootcert={}",
        password.trim(),
        port.unwrap(),
        own.file("ca.pem").display()
    );
    super::migrate(&url, &super::migrator()).await.unwrap();
    let db = Postgres::open(&url, &super::migrator()).await.unwrap();
    db.check().await.unwrap();

    own.run("kill");
    let lost = db.check().await.unwrap_err();
    assert!(
        matches!(
            &lost,
            PostgresError::Connection(Trouble::Unreachable { .. })
        ),
        "{lost}"
    );
    assert!(lost.to_string().contains("start the server"), "{lost}");

    let serve = |days| {
        own.replace(&["postgres"], days);
        own.run("start");
    };
    serve(-1);
    let ended = db.check().await.unwrap_err();
    assert!(
        matches!(
            &ended,
            PostgresError::Connection(Trouble::TheirsEnded { .. })
        ),
        "{ended}"
    );
    own.run("stop");
    serve(90);
    db.check().await.unwrap();
}
