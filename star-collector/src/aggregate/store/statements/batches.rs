//! Storing a batch.

use std::collections::BTreeMap;

use service_kit::{db::packed::Packed, event_log::Offset};

use super::{Connection, insert_all, int, pending, text};
use crate::aggregate::store::{
    Changes, DeadLetter, GroupChange, KeptGroup, LabelChange, Rejection, Result, Slot, Span,
};
use crate::domain::group::{NAME_BYTES, SeenId};

/// The most dead letters that are kept of a partition for each reason: anybody can send some kinds of them, and nobody shall push
/// others out with these.
const DEAD_LETTERS_MAX: i64 = 10_000;

/// A statement takes about so many bytes at once: on their way to the database, they are copied several times.
const STATEMENT_BYTES: usize = 4 << 20;

/// About how much a row has beside its bytes: a name and numbers.
const ROW_BYTES: usize = 128;

/// Rows of 16 bytes in `$1`, and of six numbers in `$2`; secrets in `$3`.
const STORE_GROUPS: &str = concat!(
    "WITH RECURSIVE
        n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $4),
        cut (i, epoch, start, bytes, waiting, waiting_bytes, tried) AS (
            SELECT i, CAST(", text!("substr($2, 96 * i + 1, 16)"), " AS BIGINT),
                CAST(", text!("substr($2, 96 * i + 17, 16)"), " AS INTEGER),
                CAST(", text!("substr($2, 96 * i + 33, 16)"), " AS INTEGER),
                CAST(", text!("substr($2, 96 * i + 49, 16)"), " AS BIGINT),
                CAST(", text!("substr($2, 96 * i + 65, 16)"), " AS BIGINT),
                CAST(", text!("substr($2, 96 * i + 81, 16)"), " AS BIGINT)
            FROM n)
    INSERT INTO star_group (id, slot, epoch, secret, waiting, waiting_bytes, tried)
    SELECT substr($1, 16 * i + 1, 16), $5, epoch,
        CASE WHEN bytes = 0 THEN NULL ELSE substr($3, start, bytes) END, waiting, waiting_bytes, tried
    FROM cut WHERE TRUE
    ON CONFLICT (id) DO UPDATE SET
        secret = excluded.secret, waiting = excluded.waiting,
        waiting_bytes = excluded.waiting_bytes, tried = excluded.tried"
);

/// Drops what waits for the groups of 16 bytes in `$1`.
pub(super) const DROP_WAITING: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    DELETE FROM star_waiting WHERE group_id IN (SELECT substr($1, 16 * i + 1, 16) FROM n)";

/// Rows of 16 bytes in `$1`, and of two numbers in `$2`; messages in `$3`.
const STORE_WAITING: &str = concat!(
    "WITH RECURSIVE
        n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $4),
        cut (i, start, bytes) AS (
            SELECT i, CAST(",
    text!("substr($2, 32 * i + 1, 16)"),
    " AS INTEGER),
                CAST(",
    text!("substr($2, 32 * i + 17, 16)"),
    " AS INTEGER)
            FROM n)
    INSERT INTO star_waiting (group_id, first_offset, bodies)
    SELECT substr($1, 16 * i + 1, 16), $5, substr($3, start, bytes) FROM cut"
);

/// Rows of 16 bytes in `$1`, and of seven numbers in `$2`; paths in `$3`.
const STORE_LABELS: &str = concat!(
    "WITH RECURSIVE
        n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $4),
        cut (i, epoch, threshold, start, bytes, opened, deeper, reported) AS (
            SELECT i, CAST(",
    text!("substr($2, 112 * i + 1, 16)"),
    " AS BIGINT),
                CAST(",
    text!("substr($2, 112 * i + 17, 16)"),
    " AS BIGINT),
                CAST(",
    text!("substr($2, 112 * i + 33, 16)"),
    " AS INTEGER),
                CAST(",
    text!("substr($2, 112 * i + 49, 16)"),
    " AS INTEGER),
                CAST(",
    text!("substr($2, 112 * i + 65, 16)"),
    " AS BIGINT),
                CAST(",
    text!("substr($2, 112 * i + 81, 16)"),
    " AS BIGINT),
                CAST(",
    text!("substr($2, 112 * i + 97, 16)"),
    " AS BIGINT)
            FROM n),
        label (i, epoch, threshold, path, opened, deeper, reported) AS (
            SELECT i, epoch, threshold, ",
    text!("substr($3, start, bytes)"),
    ", opened, deeper, reported FROM cut)
    INSERT INTO star_label (id, slot, epoch, threshold, path, opened, deeper, reported)
    SELECT substr($1, 16 * i + 1, 16), $5, epoch, threshold, path, opened, deeper, reported
    FROM label WHERE TRUE
    ON CONFLICT (id) DO UPDATE SET
        opened = star_label.opened + excluded.opened, deeper = star_label.deeper + excluded.deeper,
        reported = star_label.reported + excluded.reported"
);

/// Rows of 16 bytes in `$1`.
const STORE_SEEN: &str = "
    WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2)
    INSERT INTO star_seen (slot, epoch, id) SELECT $3, $4, substr($1, 16 * i + 1, 16) FROM n";

/// Rows of three numbers and of where a reason and a start are in `$2`; those in `$1`.
const STORE_DEAD_LETTERS: &str = concat!(
    "WITH RECURSIVE
        n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3),
        cut (record_offset, reason_at, reason_bytes, start_bytes) AS (
            SELECT CAST(",
    text!("substr($2, 64 * i + 1, 16)"),
    " AS BIGINT),
                CAST(",
    text!("substr($2, 64 * i + 17, 16)"),
    " AS INTEGER),
                CAST(",
    text!("substr($2, 64 * i + 33, 16)"),
    " AS INTEGER),
                CAST(",
    text!("substr($2, 64 * i + 49, 16)"),
    " AS INTEGER)
            FROM n)
    INSERT INTO star_dead_letter (slot, record_offset, reason, start)
    SELECT $4, record_offset, ",
    text!("substr($1, reason_at, reason_bytes)"),
    ", substr($1, reason_at + reason_bytes, start_bytes)
    FROM cut WHERE TRUE ON CONFLICT DO NOTHING"
);

/// Moves the position of a partition. `false`: it is not where reading started.
pub(super) async fn advance(conn: &mut Connection, span: Span) -> Result<bool> {
    let moved =
        sqlx::query("UPDATE star_slot SET next_offset = $3 WHERE id = $1 AND next_offset = $2")
            .bind(span.slot.0)
            .bind(int(span.from)?)
            .bind(int(span.to)?)
            .execute(conn)
            .await?;
    Ok(moved.rows_affected() == 1)
}

/// Stores all that a batch changes but the position.
pub(super) async fn store(conn: &mut Connection, span: Span, changes: &Changes) -> Result<()> {
    drop_waiting(conn, &changes.groups).await?;
    store_groups(conn, span.slot, &changes.groups).await?;
    store_waiting(conn, span.from, &changes.groups).await?;
    store_labels(conn, span.slot, &changes.labels).await?;
    pending::store(conn, span.slot, &changes.pending).await?;
    store_seen(conn, span.slot, &changes.seen).await?;
    if let Some(first) = changes.reports.first() {
        insert_all(conn, &first.topic, &changes.reports).await?;
    }
    store_dead_letters(conn, span.slot, &changes.dead_letters).await
}

async fn drop_waiting(conn: &mut Connection, groups: &[GroupChange]) -> Result<()> {
    let dropped = groups.iter().filter(|group| group.drop_older);
    let ids = names(dropped.map(|group| group.id.0));
    by_names(conn, DROP_WAITING, ids).await
}

/// Runs a statement that takes names and how many there are. For no names, it does not.
pub(super) async fn by_names(
    conn: &mut Connection,
    statement: &'static str,
    ids: Vec<u8>,
) -> Result<()> {
    if ids.is_empty() {
        return Ok(());
    }
    let rows = rows(&ids);
    sqlx::query(statement)
        .bind(ids)
        .bind(rows)
        .execute(conn)
        .await?;
    Ok(())
}

/// Rows in parts of about [`STATEMENT_BYTES`] each, by what a row has beside its numbers.
fn in_parts<T>(rows: &[T], bytes: impl Fn(&T) -> usize) -> Vec<&[T]> {
    let (mut parts, mut rest) = (Vec::new(), rows);
    while !rest.is_empty() {
        let mut taken = 0;
        let fitting = rest.iter().take_while(|row| {
            let fits = taken < STATEMENT_BYTES;
            taken += ROW_BYTES + bytes(row);
            fits
        });
        let (part, later) = rest.split_at(fitting.count());
        parts.push(part);
        rest = later;
    }
    parts
}

async fn store_groups(conn: &mut Connection, slot: Slot, groups: &[GroupChange]) -> Result<()> {
    let secret = |group: &GroupChange| group.kept.secret.as_ref().map_or(0, Vec::len);
    for part in in_parts(groups, secret) {
        let ids = names(part.iter().map(|group| group.id.0));
        let mut packed = Packed::default();
        for group in part {
            let KeptGroup {
                secret,
                waiting,
                waiting_bytes,
                tried,
            } = &group.kept;
            packed.row();
            packed.number(group.epoch);
            packed.bytes(secret.as_deref().unwrap_or_default());
            packed.number(*waiting);
            packed.number(*waiting_bytes);
            packed.number(*tried);
        }
        run(conn, STORE_GROUPS, ids, packed, slot.0).await?;
    }
    Ok(())
}

async fn store_waiting(conn: &mut Connection, from: Offset, groups: &[GroupChange]) -> Result<()> {
    let with_some = groups.iter().filter(|group| !group.waiting.is_empty());
    let groups: Vec<&GroupChange> = with_some.collect();
    for part in in_parts(&groups, |group| group.waiting.len()) {
        let ids = names(part.iter().map(|group| group.id.0));
        let mut packed = Packed::default();
        for group in part {
            packed.row();
            packed.bytes(&group.waiting);
        }
        run(conn, STORE_WAITING, ids, packed, int(from)?).await?;
    }
    Ok(())
}

async fn store_labels(conn: &mut Connection, slot: Slot, labels: &[LabelChange]) -> Result<()> {
    for part in in_parts(labels, |label| label.path.len()) {
        let ids = names(part.iter().map(|label| label.id.0));
        let mut packed = Packed::default();
        for label in part {
            packed.row();
            packed.number(label.epoch);
            packed.number(label.threshold);
            packed.bytes(label.path.as_bytes());
            packed.number(label.added.opened);
            packed.number(label.added.deeper);
            packed.number(label.added.reported);
        }
        run(conn, STORE_LABELS, ids, packed, slot.0).await?;
    }
    Ok(())
}

/// Runs a statement that takes names, numbers, bytes, how many rows there are, and one value for all.
async fn run(
    conn: &mut Connection,
    statement: &'static str,
    ids: Vec<u8>,
    packed: Packed,
    value: i64,
) -> Result<()> {
    if packed.is_empty() {
        return Ok(());
    }
    let (bytes, cuts, rows) = packed.into_parts();
    sqlx::query(statement)
        .bind(ids)
        .bind(cuts)
        .bind(bytes)
        .bind(rows)
        .bind(value)
        .execute(conn)
        .await?;
    Ok(())
}

async fn store_seen(conn: &mut Connection, slot: Slot, seen: &[(u64, SeenId)]) -> Result<()> {
    let mut seen = seen.to_vec();
    // In the order of the table: each page is written once.
    seen.sort_unstable();
    for of_epoch in seen.chunk_by(|a, b| a.0 == b.0) {
        let Some((epoch, _)) = of_epoch.first() else {
            continue;
        };
        let ids = names(of_epoch.iter().map(|(_, id)| id.0));
        let rows = rows(&ids);
        sqlx::query(STORE_SEEN)
            .bind(ids)
            .bind(rows)
            .bind(slot.0)
            .bind(int(*epoch)?)
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

async fn store_dead_letters(
    conn: &mut Connection,
    slot: Slot,
    letters: &[DeadLetter],
) -> Result<()> {
    let mut of_reasons: BTreeMap<Rejection, Vec<&DeadLetter>> = BTreeMap::new();
    for letter in letters {
        of_reasons.entry(letter.reason).or_default().push(letter);
    }
    // A flood of them costs no more than what is kept.
    let max = usize::try_from(DEAD_LETTERS_MAX).unwrap_or(usize::MAX);
    for (reason, mut letters) in of_reasons {
        letters.sort_unstable_by_key(|letter| letter.offset);
        let last = letters.get(letters.len().saturating_sub(max)..);
        let mut packed = Packed::default();
        for letter in last.unwrap_or_default() {
            packed.row();
            packed.number(letter.offset);
            packed.bytes(reason.name().as_bytes());
            packed.more_bytes(&letter.start);
        }
        let (bytes, cuts, rows) = packed.into_parts();
        sqlx::query(STORE_DEAD_LETTERS)
            .bind(bytes)
            .bind(cuts)
            .bind(rows)
            .bind(slot.0)
            .execute(&mut *conn)
            .await?;
        sqlx::query(
            "DELETE FROM star_dead_letter WHERE slot = $1 AND reason = $2 AND record_offset <= (
                 SELECT record_offset FROM star_dead_letter WHERE slot = $1 AND reason = $2
                 ORDER BY record_offset DESC LIMIT 1 OFFSET $3)",
        )
        .bind(slot.0)
        .bind(reason.name())
        .bind(DEAD_LETTERS_MAX)
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Names, one after the other.
pub(super) fn names(names: impl Iterator<Item = [u8; NAME_BYTES]>) -> Vec<u8> {
    names.flatten().collect()
}

/// How many names there are.
pub(super) fn rows(names: &[u8]) -> i64 {
    i64::try_from(names.len() / NAME_BYTES).unwrap_or(i64::MAX)
}
