//! Attachments of records: a row for each, and each content once.

use super::column;
use super::connection::{Connection, OptionalExtension, Row, SqlResult};
use super::fault::Fault;
use crate::attachment::{Attachment, AttachmentId, NewAttachment};
use crate::record::RecordKey;
use crate::store::StoreError;
use rusqlite::params;

const COLUMNS: &str = "id, table_name, record_id, name, media_type, size, sha256, author, created";

/// Attaches a file to its record, or to the one of its change. The same content under the same name is attached to a record once.
pub(super) fn attach(
    c: &dyn Connection,
    now: i64,
    new: &NewAttachment,
    changed: Option<&RecordKey>,
) -> Result<(), Fault> {
    let Some(record) = new.record.as_ref().or(changed) else {
        let text = format!("the attachment {:?} belongs to no record", new.name);
        return Err(StoreError::Corrupt(text).into());
    };
    let mut keep = c.prepare_cached(
        "INSERT INTO blob (sha256, content) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
    )?;
    keep.execute(params![new.sha256, &new.content[..]])?;
    let mut insert = c.prepare_cached(
        "INSERT INTO attachment (table_name, record_id, name, media_type, size, sha256, author, created)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8 WHERE NOT EXISTS (SELECT 1 FROM attachment
             WHERE table_name = ?1 AND record_id = ?2 AND sha256 = ?6 AND name = ?3)",
    )?;
    insert.execute(params![
        record.table,
        record.id,
        new.name,
        new.media_type,
        column::limit(new.content.len()),
        new.sha256,
        new.author,
        now
    ])?;
    Ok(())
}

pub(super) fn of(c: &dyn Connection, key: &RecordKey) -> Result<Vec<Attachment>, Fault> {
    let mut select = c.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM attachment WHERE table_name = ?1 AND record_id = ?2 ORDER BY id"
    ))?;
    let rows = select.query_map([&key.table, &key.id], row)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn content(c: &dyn Connection, id: AttachmentId) -> Result<Option<Vec<u8>>, Fault> {
    let mut select = c.prepare_cached(
        "SELECT b.content FROM attachment a JOIN blob b ON b.sha256 = a.sha256 WHERE a.id = ?1",
    )?;
    Ok(select.query_row([id], |row| row.get(0)).optional()?)
}

fn row(row: &Row<'_>) -> SqlResult<Attachment> {
    Ok(Attachment {
        id: row.get(0)?,
        record: RecordKey::new(row.get::<String>(1)?, row.get::<String>(2)?),
        name: row.get(3)?,
        media_type: row.get(4)?,
        size: u64::try_from(row.get::<i64>(5)?).unwrap_or_default(),
        sha256: row.get(6)?,
        author: row.get(7)?,
        created: column::moment(row.get(8)?),
    })
}
