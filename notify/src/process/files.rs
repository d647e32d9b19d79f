//! The files of a record that go along in a mail about it, within the limits of `[outgoing]`.

use crate::config::Outgoing;
use crate::directory::Directory;
use crate::record::RecordKey;
use crate::render::File;
use crate::store::StoreError;

/// What goes along, and what is said of what does not.
#[derive(Default)]
pub(super) struct Files {
    pub(super) files: Vec<File>,
    left_out: Vec<String>,
}

impl Files {
    /// The files of a record, the oldest first. One that is too large leaves room for the next.
    pub(super) fn of(
        record: &RecordKey,
        directory: &dyn Directory,
        limits: &Outgoing,
    ) -> Result<Self, StoreError> {
        let (most, octets) = (limits.max_attachments, limits.max_attachment_octets);
        let mut all = Self::default();
        let mut total = 0_u64;
        let mut beyond = 0_usize;
        for attachment in directory.attachments(record)? {
            let name = attachment.name;
            if all.files.len() >= most {
                beyond += 1;
                continue;
            }
            if total.saturating_add(attachment.size) > octets {
                all.left_out.push(format!(
                    "{name} left out: with it the files have more than `max_attachment_octets` = {octets}"
                ));
                continue;
            }
            let Some(content) = directory.attachment_content(attachment.id)? else {
                all.left_out
                    .push(format!("{name} left out: its content is gone"));
                continue;
            };
            total += attachment.size;
            let media_type = leaf_type(&attachment.media_type);
            all.files.push(File {
                name,
                media_type,
                content,
            });
        }
        if beyond > 0 {
            all.left_out.push(format!(
                "{beyond} more left out: `max_attachments` = {most}"
            ));
        }
        Ok(all)
    }

    /// What did not go along, for the verdict.
    pub(super) fn left_out(&self) -> String {
        self.left_out.join("; ")
    }

    /// The same where a message with the files would be too large.
    pub(super) fn all_left_out(&self, max_message: usize) -> String {
        let count = self.files.len();
        format!(
            "{count} files left out: with them the mail is larger than `max_message` = {max_message}"
        )
    }
}

/// A type that a single part may have: what is several parts, or none at all, goes along as octets.
fn leaf_type(text: &str) -> String {
    let token = |text: &str| {
        let sign = |c: u8| c.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&c);
        !text.is_empty() && text.bytes().all(sign)
    };
    match text.split_once('/') {
        Some((kind, sub))
            if token(kind) && token(sub) && !matches!(kind, "multipart" | "message") =>
        {
            text.to_owned()
        }
        _ => "application/octet-stream".to_owned(),
    }
}
