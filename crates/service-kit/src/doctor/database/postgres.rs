//! A database in PostgreSQL.

use std::time::Duration;

use anyhow::ensure;
use clock::Clock;
use sqlx::{PgConnection, Row as _};

use super::DatabaseOf;
use crate::{
    db::{
        migrator,
        postgres::{Migrations, Server, fits},
    },
    doctor::{Report, clocks::skew, server},
    tls::probe::Opening,
};

/// A server that has not answered after this is not waited for.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// What the role could do beyond reading and writing rows, as phrases.
const TOO_MUCH: &str = "
    WITH me AS (SELECT * FROM pg_roles WHERE rolname = current_user),
         here AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    SELECT 'is a superuser' FROM me WHERE rolsuper
    UNION ALL SELECT 'may make databases' FROM me WHERE rolcreatedb
    UNION ALL SELECT 'may make roles' FROM me WHERE rolcreaterole
    UNION ALL SELECT 'may replicate' FROM me WHERE rolreplication
    UNION ALL SELECT 'passes row security' FROM me WHERE rolbypassrls
    UNION ALL SELECT 'is a member of ' || m.roleid::regrole FROM pg_auth_members m, me WHERE m.member = me.oid
    UNION ALL SELECT 'may make schemas' WHERE has_database_privilege(current_database(), 'CREATE')
    UNION ALL SELECT 'may make tables' WHERE has_schema_privilege(current_schema(), 'CREATE')
    UNION ALL SELECT 'owns ' || c.relname FROM pg_class c, me, here
        WHERE c.relowner = me.oid AND c.relnamespace = here.oid
    UNION ALL SELECT 'may truncate ' || c.relname FROM pg_class c, here
        WHERE c.relnamespace = here.oid AND c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'TRUNCATE')
    LIMIT 1";

/// What the role must be able to do and cannot, as phrases. Rows of a partition are reached through its table.
const TOO_LITTLE: &str = "
    WITH here AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
    SELECT 'may not ' || lower(p.privilege) || ' rows of ' || c.relname
        FROM pg_class c, here, (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) p (privilege)
        WHERE c.relnamespace = here.oid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname <> '_sqlx_migrations' AND NOT has_table_privilege(c.oid, p.privilege)
    UNION ALL SELECT 'may not call ' || f.proname FROM pg_proc f, here
        WHERE f.pronamespace = here.oid AND f.prosecdef AND NOT has_function_privilege(f.oid, 'EXECUTE')
    LIMIT 1";

const CLOCK: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::BIGINT";

/// Looks at the server, the role and the tables.
pub(super) async fn look(report: &mut Report, database: DatabaseOf<'_>, clock: &Clock) -> bool {
    let what = database.what;
    let place = match Server::of(database.url) {
        Ok(place) => place,
        Err(error) => return report.note(what, Err(error.into())),
    };
    let reached = (place.address.as_str(), &place.tls);
    let name = format!("{what}: server");
    if !server(report, &name, reached, Opening::Postgres, clock).await {
        return false;
    }
    let mut connection = match place.connect(CONNECT_WITHIN).await {
        Ok(connection) => connection,
        Err(error) => return report.note(format!("{what}: role"), Err(error.into())),
    };
    let allowed = privileges(&mut connection).await;
    report.note(format!("{what}: role"), allowed);
    let time = time(&mut connection, clock).await;
    report.note(format!("{what}: clock"), time);
    let wanted: Migrations = migrator(database.schema.postgres)
        .iter()
        .map(|migration| (migration.version, migration.checksum.to_vec()))
        .collect();
    let fits = fits(&mut connection, &wanted).await;
    let version = wanted.last().map_or(0, |(version, _)| *version);
    let fits = fits.map(|()| format!("version {version}, which this program knows"));
    report.note(format!("{what}: tables"), fits.map_err(Into::into))
}

async fn privileges(connection: &mut PgConnection) -> anyhow::Result<String> {
    let too_much: Option<String> = sqlx::query_scalar(TOO_MUCH)
        .fetch_optional(&mut *connection)
        .await?;
    let role: String = sqlx::query_scalar("SELECT current_user::TEXT")
        .fetch_one(&mut *connection)
        .await?;
    if let Some(too_much) = too_much {
        anyhow::bail!("{role} {too_much}: connect as a role as deploy/engines/databases makes it");
    }
    let too_little: Option<String> = sqlx::query_scalar(TOO_LITTLE)
        .fetch_optional(connection)
        .await?;
    let too_little = too_little.unwrap_or_default();
    ensure!(
        too_little.is_empty(),
        "{role} {too_little}: grant it, as deploy/engines/databases does"
    );
    Ok(format!("{role} reads and writes rows, and no more"))
}

async fn time(connection: &mut PgConnection, clock: &Clock) -> anyhow::Result<String> {
    let before = clock.now().timestamp_millis();
    let row = sqlx::query(CLOCK).fetch_one(connection).await?;
    skew(before, row.try_get(0)?, clock.now().timestamp_millis())
}
