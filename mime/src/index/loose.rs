//! The second look at multiparts in which no line is a delimiter ([`Delimiters::Loose`](crate::Delimiters::Loose)).
//!
//! A body is read again as often as multiparts without delimiters stand within one another, which
//! [`Limits::depth`] bounds.

use super::header_state::HeaderState;
use super::indexer::Indexer;
use super::window::{Whole, Window};
use super::{Index, PartRecord};
use crate::defect::DefectKind;
use crate::limits::Limits;
use crate::shape::classify;

/// Reads each multipart without delimiters again, and those that are found in them. Transfer-encoded messages that are found
/// are added to `encoded`.
pub(crate) fn read_loosely(
    index: &mut Index,
    bytes: &[u8],
    limits: &Limits,
    encoded: &mut Vec<u32>,
) {
    let mut next = 0;
    while let Some(defect) = index.defects.get(next).copied() {
        next += 1;
        if defect.kind == DefectKind::MissingDelimiter {
            encoded.extend(read_again(index, defect.part.0, bytes, limits));
        }
    }
}

/// Reads one multipart again. Gives the transfer-encoded messages in it.
fn read_again(index: &mut Index, part: u32, bytes: &[u8], limits: &Limits) -> Vec<u32> {
    let Some(record) = index.part(part).copied() else {
        return Vec::new();
    };
    // Positions are those of the whole, which ends where the multipart does.
    let message = Whole::new(bytes.get(..record.end as usize).unwrap_or(bytes));
    let Some(boundary) = boundary(index, &record, message, limits) else {
        return Vec::new();
    };
    let left = Limits {
        // The multipart itself is counted twice.
        parts: (limits.parts + 1).saturating_sub(index.parts.len()),
        fields: limits.fields.saturating_sub(index.fields.len()),
        ..limits.clone()
    };
    let (mut again, _, encoded) = Indexer::again(left, record, &boundary).read(message);
    let Some(first) = again.parts.get(1).map(|part| part.start as usize) else {
        return Vec::new();
    };
    again.defect(DefectKind::LooseDelimiter, first, 0);
    let number = index.graft_parts(again, part);
    encoded.into_iter().map(number).collect()
}

fn boundary<'b>(
    index: &Index,
    record: &PartRecord,
    message: impl Window<'b>,
    limits: &Limits,
) -> Option<Vec<u8>> {
    let mut header = HeaderState::new(record.start as usize);
    for field in index.fields_of(record) {
        header.note(field);
    }
    let content = classify(&header, message, || false, limits.parameters)?;
    content.boundary.map(|boundary| boundary.into_owned())
}
