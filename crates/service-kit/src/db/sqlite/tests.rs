use std::time::Instant;

use sqlx::{
    Row as _,
    migrate::{Migration, MigrationType, Migrator},
};

use super::*;

fn migrator(scripts: &[(i64, &'static str)]) -> Migrator {
    let migrations = scripts.iter().map(|(version, sql)| {
        Migration::new(
            *version,
            "test".into(),
            MigrationType::Simple,
            sqlx::SqlSafeStr::into_sql_str(*sql),
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

const NOTES: (i64, &str) = (1, "CREATE TABLE note (text TEXT NOT NULL)");

fn url(dir: &tempfile::TempDir) -> String {
    format!("sqlite:{}", dir.path().join("a.db").display())
}

#[tokio::test]
async fn every_connection_has_the_safe_settings() {
    let dir = tempfile::tempdir().unwrap();
    let db = Sqlite::open(&url(&dir), &migrator(&[NOTES])).await.unwrap();

    let mut write = db.begin().await.unwrap();
    let mut read = db.begin_read().await.unwrap();

    for (pragma, wanted) in [
        ("PRAGMA synchronous", 2_i64),
        ("PRAGMA secure_delete", 1),
        ("PRAGMA foreign_keys", 1),
    ] {
        for conn in [&mut *write, &mut *read] {
            let row = sqlx::query(pragma).fetch_one(conn).await.unwrap();
            assert_eq!(row.get::<i64, _>(0), wanted, "{pragma}");
        }
    }
    let mode = sqlx::query("PRAGMA journal_mode")
        .fetch_one(&mut *read)
        .await
        .unwrap();
    assert_eq!(mode.get::<String, _>(0), "wal");
}

#[tokio::test]
async fn a_reading_connection_refuses_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let db = Sqlite::open(&url(&dir), &migrator(&[NOTES])).await.unwrap();

    let written = sqlx::query("INSERT INTO note VALUES ('a')")
        .execute(db.readers())
        .await;

    assert!(written.is_err());
}

#[tokio::test]
async fn a_schema_from_a_newer_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let newer = migrator(&[NOTES, (2, "CREATE TABLE more (text TEXT)")]);
    Sqlite::open(&url(&dir), &newer)
        .await
        .unwrap()
        .close()
        .await;

    let opened = Sqlite::open(&url(&dir), &migrator(&[NOTES])).await;

    assert!(matches!(opened, Err(OpenError::Schema { .. })));
}

#[tokio::test]
async fn an_altered_migration_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    Sqlite::open(&url(&dir), &migrator(&[NOTES]))
        .await
        .unwrap()
        .close()
        .await;

    let altered = migrator(&[(1, "CREATE TABLE note (text TEXT)")]);

    assert!(matches!(
        Sqlite::open(&url(&dir), &altered).await,
        Err(OpenError::Schema { .. })
    ));
}

#[tokio::test]
async fn several_that_open_a_new_file_at_once_all_succeed() {
    let dir = tempfile::tempdir().unwrap();
    let url = url(&dir);
    let migrator = migrator(&[NOTES]);

    let opened =
        futures_util::future::join_all((0..6).map(|_| Sqlite::open(&url, &migrator))).await;

    for db in opened {
        db.unwrap();
    }
}

#[tokio::test]
async fn deleted_text_is_in_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let db = Sqlite::open(&url(&dir), &migrator(&[NOTES])).await.unwrap();
    for sql in [
        "INSERT INTO note VALUES ('a-secret-sentence')",
        "DELETE FROM note",
    ] {
        let mut tx = db.begin().await.unwrap();
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    }

    db.forget_deleted().await.unwrap();

    assert!(!holds_the_secret(dir.path()));
}

/// Whether a file of the database has the deleted text.
fn holds_the_secret(folder: &Path) -> bool {
    let mut files = std::fs::read_dir(folder).unwrap();
    files.any(|file| {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let mut windows = bytes.windows(17);
        windows.any(|window| window == b"a-secret-sentence")
    })
}

#[tokio::test]
async fn a_reader_in_the_way_of_forgetting_is_reported_and_keeps_nobody_from_writing() {
    let dir = tempfile::tempdir().unwrap();
    let db = Sqlite::open(&url(&dir), &migrator(&[NOTES])).await.unwrap();
    let write = async |sql: &'static str| {
        let mut tx = db.begin().await.unwrap();
        sqlx::query(sql).execute(&mut *tx).await.unwrap();
        tx.commit().await.unwrap();
    };
    write("INSERT INTO note VALUES ('a-secret-sentence')").await;
    let mut reader = db.begin_read().await.unwrap();
    let read = "SELECT * FROM note";
    sqlx::query(read).fetch_all(&mut *reader).await.unwrap();
    write("DELETE FROM note").await;

    let (forgotten, waited) = tokio::join!(db.forget_deleted(), async {
        let begun = Instant::now();
        write("INSERT INTO note VALUES ('another')").await;
        begun.elapsed()
    });
    assert!(forgotten.is_err() && holds_the_secret(dir.path()));
    assert!(waited < Duration::from_secs(2), "{waited:?}");

    drop(reader);
    db.forget_deleted().await.unwrap();
    assert!(!holds_the_secret(dir.path()));
}

#[tokio::test]
async fn the_file_is_private_and_a_foreign_url_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let db = Sqlite::open(&url(&dir), &migrator(&[NOTES])).await.unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(db.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }

    for url in ["postgres://localhost/a", "sqlite::memory:", ""] {
        assert!(
            Sqlite::open(url, &migrator(&[NOTES])).await.is_err(),
            "{url}"
        );
    }
}

#[tokio::test]
async fn numbers_of_base_units_are_exact_and_of_16_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let table = (1, "CREATE TABLE sums (units BLOB NOT NULL)");
    let db = Sqlite::open(&url(&dir), &migrator(&[table])).await.unwrap();
    let mut tx = db.begin().await.unwrap();

    for exact in [0, 1, -1, 10_i128.pow(38) - 1, i128::MAX, i128::MIN] {
        let insert = "INSERT INTO sums (units) VALUES ($1) RETURNING units";
        let insert = sqlx::query(insert).bind(stored_units(exact));
        let row = insert.fetch_one(&mut *tx).await.unwrap();
        assert_eq!(units(&row, "units").unwrap(), exact);
    }

    let short = sqlx::query("SELECT x'00' AS units");
    let short = short.fetch_one(&mut *tx).await.unwrap();
    assert!(units(&short, "units").is_err());
}

#[tokio::test]
async fn a_database_that_ran_full_takes_writes_when_there_is_room_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = Sqlite::open(&url(&dir), &migrator(&[NOTES])).await.unwrap();
    let large = "INSERT INTO note VALUES (hex(zeroblob(100000)))";

    let mut tx = db.begin().await.unwrap();
    // This connection may not make the file larger: to it, the disk is full.
    let full = sqlx::query("PRAGMA max_page_count = 1");
    full.execute(&mut *tx).await.unwrap();
    assert!(sqlx::query(large).execute(&mut *tx).await.is_err());
    drop(tx);

    let mut tx = db.begin().await.unwrap();
    sqlx::query(large).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
}
