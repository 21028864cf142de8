//! What the doctor says of a real PostgreSQL.

use std::process::Command;

use service_kit::db::testing::Apart;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{now, wrong};
use crate::randomness::{
    app::{App, Place, START},
    keys::{Keys, without_tables},
};

/// A service whose role sees the schema, which may be without tables; it is not started.
fn within(apart: &Apart) -> App {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::with(folder, Keys::Schema(apart.clone()));
    App::stopped(place, START, |_| {})
}

/// Has the owner's role make the tables, as an operator does.
fn migrate(apart: &Apart) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_star-collector"));
    program.args(["randomness", "migrate"]);
    program.args(["--database-url", &apart.service]);
    program.args(["--database-owner-url", &apart.owner]);
    let ended = program.output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
}

#[tokio::test]
async fn before_the_owner_has_made_the_tables_the_service_does_not_start_and_the_doctor_says_why() {
    let apart = without_tables().await;
    let mut app = within(&apart);

    let report = now(&app).await;
    let text = report.to_text(false);
    assert_eq!(wrong(&report), ["database: tables"], "{text}");
    assert!(text.contains("run `migrate`"), "{text}");
    let refused = format!("{:#}", app.run().await.unwrap_err());
    assert!(refused.contains("no tables"), "{refused}");

    migrate(&apart);
    app.run().await.unwrap();
    let report = now(&app).await;
    assert_eq!(wrong(&report), Vec::<&str>::new(), "{report:?}");
}

#[tokio::test]
async fn a_role_that_may_make_tables_is_told() {
    let apart = without_tables().await;
    migrate(&apart);
    let app = within(&apart);
    let mut owner = PgConnection::connect(&apart.owner).await.unwrap();
    let schema = &apart.schema;
    for (change, expected) in [
        (
            format!("GRANT CREATE ON SCHEMA {schema} TO star_randomness"),
            vec!["database: role"],
        ),
        (
            format!("REVOKE CREATE ON SCHEMA {schema} FROM star_randomness"),
            vec![],
        ),
    ] {
        let change = sqlx::raw_sql(AssertSqlSafe(change));
        change.execute(&mut owner).await.unwrap();

        let report = now(&app).await;

        let text = report.to_text(false);
        assert_eq!(wrong(&report), expected, "{text}");
        assert_eq!(
            text.contains("may make tables"),
            !expected.is_empty(),
            "{text}"
        );
    }
}
