//! A mail as one JSON object: a flat map from field keys such as `subject` and `1.2/sha256` to values, in the form in
//! which the agreement of several parsers is written down, with this one as the only voter.

use postrider_mime::{AddressList, Message, Part};
use postrider_notify::digest::sha256;
use serde_json::{Map, Value, json};
use std::path::Path;

/// The object of one file.
pub(super) fn object(file: &Path, message: &Message<'_>) -> Value {
    let values = values(message);
    let votes: Map<String, Value> = values.keys().map(|key| (key.clone(), json!(1))).collect();
    json!({
        "file": file.to_string_lossy(),
        "agreed": values,
        "votes": votes,
        "undecided": [],
        "parsers": ["postrider"],
    })
}

fn values(message: &Message<'_>) -> Map<String, Value> {
    let mut values = Map::new();
    let mut put = |key: &str, value| values.insert(key.to_owned(), value);
    put("subject", json!(message.subject().map(|s| collapsed(&s))));
    put("from", mailboxes(&message.from()));
    put("to", mailboxes(&message.to()));
    put("cc", mailboxes(&message.cc()));
    put("date", json!(message.date().map(|date| date.to_rfc3339())));
    let id = message.message_id().map(|id| collapsed(&id));
    put("message_id", json!(id.filter(|id| !id.is_empty())));
    let mut structure = Vec::new();
    let mut open = vec![("1".to_owned(), message.root())];
    while let Some((path, part)) = open.pop() {
        structure.push(json!([path, part.content_type().essence()]));
        node(&path, part, &mut values);
        let children = part.children().enumerate();
        let children = children.map(|(i, child)| (format!("{path}.{}", i + 1), child));
        let mut children: Vec<_> = children.collect();
        children.reverse();
        open.append(&mut children);
    }
    values.insert("structure".to_owned(), Value::Array(structure));
    values
}

fn node(path: &str, part: Part<'_>, values: &mut Map<String, Value>) {
    let mut put = |field: &str, value: Value| values.insert(format!("{path}/{field}"), value);
    let kind = part.content_type();
    put("content_type", json!(kind.essence()));
    put("charset", json!(kind.charset().map(|c| c.to_lowercase())));
    let disposition = part.content_disposition();
    put(
        "disposition",
        json!(disposition.map(|d| d.kind().to_owned())),
    );
    put("filename", json!(part.file_name()));
    put(
        "content_id",
        json!(part.content_id().map(|id| collapsed(&id))),
    );
    let kids = part.children().count();
    put("kids", json!(kids));
    if kids > 0 {
        return;
    }
    let content = part.content().bytes;
    put("size_decoded", json!(content.len()));
    put("sha256", json!(sha256(&content)));
    if kind.main() == "text" {
        let text = part.text().text.replace("\r\n", "\n");
        put("text_sha256", json!(sha256(text.as_bytes())));
    }
}

fn mailboxes(list: &AddressList<'_>) -> Value {
    let objects = list.mailboxes().map(|m| {
        let name = m.name.as_deref().map(collapsed).filter(|n| !n.is_empty());
        let address = m.address.as_deref().filter(|a| !a.is_empty());
        json!({ "name": name, "address": address })
    });
    objects.collect()
}

fn collapsed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
