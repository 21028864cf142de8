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

/// A schema of a test's own, without tables: the URLs with which its two roles see it and nothing else.
#[derive(Clone, Debug)]
pub struct Apart {
    /// What the schema is called.
    pub schema: String,
    /// As the role that owns what is made there.
    pub owner: String,
    /// As the role of the service.
    pub service: String,
}

/// A schema of its own in the database `name` of a cluster.
pub async fn apart(cluster: &str, name: &str) -> Apart {
    let schema = format!("test_{}", Uuid::new_v4().simple());
    make_schema_as(&url(cluster, name, &owner_of(name)), name, &schema).await;
    let within = |role: &str| {
        let url = url(cluster, name, role);
        format!("{url}&options[search_path]={schema}")
    };
    Apart {
        owner: within(&owner_of(name)),
        service: within(name),
        schema,
    }
}

/// [`apart`], migrated by the owner's role: the URL of the service's.
pub async fn fresh(cluster: &str, name: &str, migrator: &Migrator) -> String {
    let apart = apart(cluster, name).await;
    migrate(&apart.owner, migrator)
        .await
        .expect("the owner migrates");
    apart.service
}

/// Makes a schema in the database `name`, to which the owner's `url` leads: the service's role may use what the owner's makes there.
pub async fn make_schema_as(url: &str, name: &str, schema: &str) {
    let mut owner = PgConnection::connect(url)
        .await
        .expect("the owner can connect");
    let statements = format!(
        "CREATE SCHEMA {schema};
         GRANT USAGE ON SCHEMA {schema} TO {name};
         ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}
             GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {name};"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements))
        .execute(&mut owner)
        .await
        .expect("the owner makes a schema");
}

fn owner_of(name: &str) -> String {
    format!("{name}_owner")
}

/// [`fresh`], opened.
pub async fn opened(cluster: &str, name: &str, migrator: &Migrator) -> Postgres {
    let url = fresh(cluster, name, migrator).await;
    Postgres::open(&url, migrator)
        .await
        .expect("the service connects")
}
