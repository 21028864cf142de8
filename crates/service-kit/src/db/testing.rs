//! Databases for tests on a real PostgreSQL.

use std::{fs, path::PathBuf};

use sqlx::{Connection as _, PgConnection, migrate::Migrator};
use uuid::Uuid;

use super::postgres::{Postgres, migrate};
use crate::engines;

/// The URL of the database `name` in the cluster `cluster`, as `role`.
pub fn url(cluster: &str, name: &str, role: &str) -> String {
    let engines = engines::folder();
    let cluster = engines.join(cluster);
    let read = |path: PathBuf| fs::read_to_string(path).expect("the engines' files can be read");
    let settings = read(cluster.join("data/postgresql.conf"));
    let port = settings
        .lines()
        .find_map(|line| line.strip_prefix("port = "))
        .expect("the cluster has a port");
    let password = read(cluster.join(format!("{role}.password")));
    let authority = engines.join("certificates/ca.pem");
    format!(
        "postgres://{role}:{}@127.0.0.1:{port}/{name}?sslmode=verify-full&sslrootcert={}",
        password.trim(),
        authority.display()
    )
}

/// A schema of its own in the database `name` of a cluster: migrated by the owner's role, and
/// the URL with which the service's role sees it and nothing else.
pub async fn fresh(cluster: &str, name: &str, migrator: &Migrator) -> String {
    let owner = format!("{name}_owner");
    let schema = format!("test_{}", Uuid::new_v4().simple());
    let url_of = |role: &str| url(cluster, name, role);
    let mut admin = PgConnection::connect(&url_of(&owner))
        .await
        .expect("the owner can connect");
    let statements = format!(
        "CREATE SCHEMA {schema};
         GRANT USAGE ON SCHEMA {schema} TO {name};
         ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}
             GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name};"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements))
        .execute(&mut admin)
        .await
        .expect("the owner makes a schema");
    let within = |role: &str| format!("{}&options[search_path]={schema}", url_of(role));
    migrate(&within(&owner), migrator)
        .await
        .expect("the owner migrates");
    within(name)
}

/// [`fresh`], opened.
pub async fn opened(cluster: &str, name: &str, migrator: &Migrator) -> Postgres {
    let url = fresh(cluster, name, migrator).await;
    Postgres::open(&url, migrator)
        .await
        .expect("the service connects")
}
