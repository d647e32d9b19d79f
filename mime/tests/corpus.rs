//! Agreement with what four other parsers agree on, message by message.
//!
//! Runs when `POSTRIDER_CORPUS` names the folder that holds `mime/` (messages and `expectations.jsonl`); passes,
//! saying so, when it does not. Accepted deviations stand in `DEVIATIONS.md` with their reasons.

#![allow(clippy::unwrap_used)] // A corpus that cannot be read has to fail the test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use postrider_mime::{AddressList, Message, Part};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Deviating messages, and per mille of deviating fields, that are accepted.
const MOST_MESSAGES: usize = 12;
const MOST_PER_MILLE: usize = 6;

/// More than 100 levels deep: past the limit on purpose, so it is counted apart.
const TOO_DEEP: &str = "mailparse/tests/files/nested.eml";

#[test]
fn the_corpus_is_read_as_others_agree() {
    let Some(folder) = std::env::var_os("POSTRIDER_CORPUS") else {
        println!("POSTRIDER_CORPUS is not set: nothing was compared");
        return;
    };
    let folder = PathBuf::from(folder).join("mime");
    let mut agreed = 0;
    let mut deviations: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in std::fs::read_to_string(folder.join("expectations.jsonl"))
        .unwrap()
        .lines()
    {
        let expected: Value = serde_json::from_str(line).unwrap();
        let file = expected["file"].as_str().unwrap();
        let found = values(&folder, file);
        for (key, value) in expected["agreed"].as_object().unwrap() {
            agreed += usize::from(file != TOO_DEEP);
            let ours = found.get(key).unwrap_or(&Value::Null);
            if !found.contains_key(key) || ours != value {
                let told = if found.contains_key(key) {
                    ours.to_string()
                } else {
                    "(none)".into()
                };
                deviations
                    .entry(file.to_owned())
                    .or_default()
                    .push(format!("{key}: expected {value}, got {told}"));
            }
        }
    }
    deviations.remove(TOO_DEEP);
    let fields: usize = deviations.values().map(Vec::len).sum();
    for (file, list) in &deviations {
        println!("{file}");
        list.iter()
            .for_each(|deviation| println!("    {deviation}"));
    }
    println!(
        "{fields} of {agreed} agreed fields deviate, in {} messages",
        deviations.len()
    );
    let explained = explained();
    let unexplained: Vec<_> = deviations
        .keys()
        .filter(|file| !explained.contains(*file))
        .collect();
    assert!(
        unexplained.is_empty(),
        "DEVIATIONS.md does not explain {unexplained:?}"
    );
    let stale: Vec<_> = explained
        .iter()
        .filter(|file| !deviations.contains_key(*file))
        .collect();
    assert!(
        stale.is_empty(),
        "DEVIATIONS.md explains what no longer deviates: {stale:?}"
    );
    assert!(agreed > 5000, "only {agreed} fields were compared");
    assert!(
        deviations.len() <= MOST_MESSAGES,
        "{} messages deviate",
        deviations.len()
    );
    assert!(
        fields * 1000 <= agreed * MOST_PER_MILLE,
        "{fields} of {agreed} fields deviate"
    );
}

/// The messages that DEVIATIONS.md has a heading for; those of its last section only without the feature `charsets`.
fn explained() -> BTreeSet<String> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("DEVIATIONS.md"))
        .unwrap();
    let (always, without) = text
        .split_once("## Without the feature `charsets`")
        .unwrap();
    let text = if cfg!(feature = "charsets") {
        always
    } else {
        &text
    };
    assert!(!without.is_empty());
    let names = text
        .lines()
        .filter_map(|line| line.strip_prefix("### `")?.strip_suffix('`'));
    names.map(str::to_owned).collect()
}

/// Everything that expectations can name, of one message.
fn values(folder: &Path, file: &str) -> BTreeMap<String, Value> {
    let bytes = std::fs::read(folder.join(file)).unwrap();
    let message = Message::parse(&bytes);
    let mut values = BTreeMap::new();
    let collapsed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    values.insert(
        "subject".into(),
        json!(message.subject().map(|s| collapsed(&s))),
    );
    values.insert("from".into(), mailboxes(&message.from()));
    values.insert("to".into(), mailboxes(&message.to()));
    values.insert("cc".into(), mailboxes(&message.cc()));
    values.insert("date".into(), json!(message.date().map(|d| d.to_rfc3339())));
    values.insert(
        "message_id".into(),
        json!(message.message_id().map(|id| collapsed(&id))),
    );
    let mut structure = Vec::new();
    let mut open = vec![("1".to_owned(), message.root())];
    while let Some((path, part)) = open.pop() {
        structure.push(json!([path, part.content_type().essence()]));
        node(&path, part, &mut values);
        let children: Vec<_> = part.children().collect();
        open.extend(
            children
                .iter()
                .enumerate()
                .rev()
                .map(|(i, child)| (format!("{path}.{}", i + 1), *child)),
        );
    }
    values.insert("structure".into(), json!(structure));
    values
}

fn mailboxes(list: &AddressList<'_>) -> Value {
    let collapsed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    list.mailboxes()
        .map(|m| {
            let name = m.name.as_deref().map(collapsed).filter(|n| !n.is_empty());
            let address = m.address.as_deref().filter(|a| !a.is_empty());
            json!({"name": name, "address": address})
        })
        .collect()
}

fn node(path: &str, part: Part<'_>, values: &mut BTreeMap<String, Value>) {
    let mut put = |field: &str, value: Value| values.insert(format!("{path}/{field}"), value);
    let content_type = part.content_type();
    let children = part.children().count();
    put("content_type", json!(content_type.essence()));
    put(
        "charset",
        json!(content_type.charset().map(|c| c.to_lowercase())),
    );
    put(
        "disposition",
        json!(part.content_disposition().map(|d| d.kind().to_owned())),
    );
    put("filename", json!(part.file_name()));
    let id = part
        .content_id()
        .map(|id| id.split_whitespace().collect::<Vec<_>>().join(" "));
    put("content_id", json!(id));
    put("kids", json!(children));
    if children > 0 {
        return;
    }
    let content = part.content().bytes;
    put("size_decoded", json!(content.len()));
    put("sha256", json!(hash(&content)));
    if content_type.main() == "text" {
        put(
            "text_sha256",
            json!(hash(part.text().text.replace("\r\n", "\n").as_bytes())),
        );
    }
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}
