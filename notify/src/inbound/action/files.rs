//! The files of a mail, as attachments of a record: by their content, under safe names, within limits.

use crate::attachment::NewAttachment;
use crate::inbound::file::MailFile;
use crate::inbound::policy::Policy;
use bytes::Bytes;
use postrider_mime::Message;

/// The files that are kept, and what is said of those that are not.
pub(super) fn of(raw: &[u8], author: &str, policy: &Policy) -> (Vec<NewAttachment>, Vec<String>) {
    let message = Message::parse(raw);
    let mut taken = Taken::default();
    for file in MailFile::of(&message) {
        taken.add(file, policy);
    }
    let files = taken.files.into_iter();
    let files = files.map(|(name, media_type, content)| {
        NewAttachment::new(name, media_type, Bytes::from(content), author)
    });
    (files.collect(), taken.left)
}

#[derive(Default)]
struct Taken {
    files: Vec<(String, String, Vec<u8>)>,
    octets: u64,
    left: Vec<String>,
}

impl Taken {
    /// Decodes the file only if it stays within the limits.
    fn add(&mut self, file: MailFile<'_>, policy: &Policy) {
        let octets = file.octets() as u64;
        if self.files.len() >= policy.max_attachments {
            let most = policy.max_attachments;
            let why = format!("files beyond {most} are not attached");
            if !self.left.contains(&why) {
                self.left.push(why);
            }
        } else if self.octets + octets > policy.max_attachment_octets {
            let limit = policy.max_attachment_octets;
            let name = file.name();
            self.left.push(format!(
                "{name} is not attached: together the files have more than {limit} octets"
            ));
        } else {
            self.octets += octets;
            let name = self.unused(file.name());
            self.files.push((name, file.media_type(), file.content()));
        }
    }

    /// Two files of one name are told apart.
    fn unused(&self, name: String) -> String {
        let is_used = |name: &str| {
            self.files
                .iter()
                .any(|(used, ..)| used.eq_ignore_ascii_case(name))
        };
        if !is_used(&name) {
            return name;
        }
        let (stem, ending) = match name.rsplit_once('.') {
            Some((stem, ending)) if !stem.is_empty() => (stem, format!(".{ending}")),
            _ => (name.as_str(), String::new()),
        };
        let numbered = |n: usize| format!("{stem}-{n}{ending}");
        (2..)
            .map(numbered)
            .find(|name| !is_used(name))
            .unwrap_or(name)
    }
}
