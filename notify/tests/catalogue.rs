//! Hostile input for the notification layer, and the safe behaviour.
//!
//! Each class of input has a check, and an input of our own that runs always. The entries of a catalogue run through the
//! same checks when `POSTRIDER_CATALOGUE` names its file `hostile.jsonl` or its folder; an entry that no check knows fails.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

#[path = "catalogue/fault.rs"]
mod fault;
#[path = "catalogue/mail.rs"]
mod mail;
#[path = "catalogue/outgoing.rs"]
mod outgoing;
mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::PathBuf;

/// An input: the octets, and the variables of a template.
pub struct Input {
    pub octets: Vec<u8>,
    pub vars: Vec<(String, String)>,
}

/// A class of input: its check, and an input of ours.
struct Class {
    id: &'static str,
    check: fn(&Input),
    own: fn() -> Input,
}

#[test]
fn every_class_is_handled_safely() {
    for class in mail::CLASSES.iter().chain(outgoing::CLASSES) {
        eprintln!("{}", class.id);
        (class.check)(&(class.own)());
    }
}

#[test]
fn every_entry_of_the_catalogue_is_handled_safely() {
    let Some(entries) = entries() else { return };
    for (id, kind, input) in entries {
        let mut classes = mail::CLASSES.iter().chain(outgoing::CLASSES);
        match classes.find(|class| class.id == id) {
            Some(class) => {
                eprintln!("{id}");
                (class.check)(&input);
            }
            // Faults are told in prose; the tests of `fault` are what they ask for, and tell of them.
            None if kind == "fault" && fault::CLASSES.contains(&id.as_str()) => {}
            None => {
                eprintln!("{id}");
                panic!("nothing checks {id}");
            }
        }
    }
}

/// The entries for this crate; `None`, said aloud, if there is no catalogue.
fn entries() -> Option<Vec<(String, String, Input)>> {
    let Some(place) = std::env::var_os("POSTRIDER_CATALOGUE") else {
        eprintln!("left out: POSTRIDER_CATALOGUE is not set");
        return None;
    };
    let mut file = PathBuf::from(place);
    if file.is_dir() {
        file.push("hostile.jsonl");
    }
    let text = std::fs::read_to_string(file).unwrap();
    let all = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let ours = all.filter(|entry: &Value| entry["component"] == "notify");
    let entries: Vec<_> = ours.map(|entry| read(&entry)).collect();
    assert!(!entries.is_empty());
    Some(entries)
}

fn read(entry: &Value) -> (String, String, Input) {
    let text = |key: &str| entry[key].as_str().unwrap().to_owned();
    let decode = |b64: &Value| STANDARD.decode(b64.as_str().unwrap()).unwrap();
    let octets = match entry["input_parts"].as_array() {
        None => decode(&entry["input_b64"]),
        Some(parts) => parts
            .iter()
            .flat_map(|part| decode(&part["b64"]).repeat(part["repeat"].as_u64().unwrap() as usize))
            .collect(),
    };
    let vars = entry["vars"].as_object().into_iter().flatten();
    let vars = vars.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
    let input = Input {
        octets,
        vars: vars.collect(),
    };
    (text("id"), text("kind"), input)
}

/// An input without variables; line ends as in a mail.
fn mail_of(text: &str) -> Input {
    Input {
        octets: text.replace('\n', "\r\n").into_bytes(),
        vars: Vec::new(),
    }
}
