//! `postrider record attach`: files of a record, as notifications with `include_attachments` send them along.

use super::file::{content_type, octets};
use crate::exit::{Code, Failure, Result};
use crate::output::{self, Style, foreign, paint};
use crate::setup::Setup;
use bytes::Bytes;
use postrider_notify::attachment::{Attachment, NewAttachment};
use postrider_notify::record::RecordKey;
use postrider_notify::store::Work;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Octets of a file at most, because all of it is held in memory.
const MAX_FILE: u64 = 256 * 1024 * 1024;

/// Attaches files to a record, and lists what the record has then. The same content under the same name is there once.
pub(super) fn attach(setup: &Setup, record: &RecordKey, paths: &[PathBuf], actor: &str) -> Result {
    if setup.store.record(record)?.is_none() {
        let sentence = format!("there is no record {record}");
        return Err(Failure::new(Code::NoInput, sentence));
    }
    setup.knows(actor)?;
    let attachments = paths.iter().map(|path| attachment(path, record, actor));
    setup.store.commit(&Work {
        attachments: attachments.collect::<Result<_>>()?,
        ..Work::default()
    })?;
    for attachment in setup.store.attachments(record)? {
        output::line(line(&attachment));
    }
    Ok(())
}

fn attachment(path: &Path, record: &RecordKey, actor: &str) -> Result<NewAttachment> {
    let refused = |why: &str| Failure::new(Code::Data, format!("{}: {why}", path.display()));
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| refused("its name is not UTF-8"))?;
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    if name.chars().any(|c| c.is_control() || turns(c)) {
        return Err(refused("its name has characters that nobody sees"));
    }
    if std::fs::metadata(path).is_ok_and(|file| file.len() > MAX_FILE) {
        return Err(refused("it has more than 256 MiB"));
    }
    let content = Bytes::from(octets(path)?);
    let new = NewAttachment::new(
        name.to_owned(),
        content_type(path).to_owned(),
        content,
        actor,
    );
    Ok(new.of(record.clone()))
}

/// The files of a record below its fields.
pub(super) fn show(files: &[Attachment]) {
    for file in files {
        output::line(format!("  {}", paint(Style::Dim, &line(file))));
    }
}

fn line(file: &Attachment) -> String {
    let by = match file.author.as_str() {
        "" => String::new(),
        author => format!(" by {}", foreign(author)),
    };
    format!(
        "file {}: {} ({}, {} octets, {}{by})",
        file.id,
        foreign(&file.name),
        foreign(&file.media_type),
        file.size,
        file.created.strftime("%Y-%m-%d %H:%M"),
    )
}

/// The files of a record for programs.
pub(super) fn json(files: &[Attachment]) -> Value {
    let files = files.iter().map(|file| {
        json!({
            "id": file.id,
            "name": file.name,
            "type": file.media_type,
            "size": file.size,
            "sha256": file.sha256,
            "author": file.author,
            "created": file.created.to_string(),
        })
    });
    files.collect()
}
