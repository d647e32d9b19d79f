//! Files that are named on the command line, as attachments.

use crate::exit::{Code, Failure, Result};
use std::path::Path;

/// The types that are known by the end of a file's name; anything else is octets.
const TYPES: [(&str, &str); 12] = [
    ("txt", "text/plain"),
    ("csv", "text/csv"),
    ("html", "text/html"),
    ("ics", "text/calendar"),
    ("pdf", "application/pdf"),
    ("json", "application/json"),
    ("zip", "application/zip"),
    ("gz", "application/gzip"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
];

/// The type of a file by its name.
pub(crate) fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
    let known = TYPES.iter().find(|(ending, _)| extension == *ending);
    known.map_or("application/octet-stream", |(_, content_type)| content_type)
}

/// What a file holds.
pub(crate) fn octets(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| {
        let sentence = format!("cannot read {}: {error}", path.display());
        Failure::new(Code::NoInput, sentence)
    })
}
