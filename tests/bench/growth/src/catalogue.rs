//! The inputs that scale in a catalogue of hostile inputs: pieces, each repeated.

use super::{Input, mail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::PathBuf;

/// What is as large or larger grows in a part of its size only.
const LARGEST: usize = 600_000;

/// Each entry from an eighth of its size to the whole; `None` if there is no catalogue.
pub(crate) fn inputs() -> Option<Vec<Input>> {
    let mut file = PathBuf::from(std::env::var_os("POSTRIDER_CATALOGUE")?);
    if file.is_dir() {
        file.push("hostile.jsonl");
    }
    let text = std::fs::read_to_string(file).expect("the catalogue");
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("an entry"));
    Some(entries.filter(|entry| entry["scaling"] == true).map(|entry| input(&entry)).collect())
}

fn input(entry: &Value) -> Input {
    let pieces = entry["input_parts"].as_array().into_iter().flatten().map(|part| {
        let octets = STANDARD.decode(part["b64"].as_str().expect("base64")).expect("base64");
        (octets, part["repeat"].as_u64().expect("a count") as usize)
    });
    let pieces: Vec<_> = pieces.collect();
    // What does not fit into a processor's cache measures the memory.
    let whole: usize = pieces.iter().map(|(octets, repeat)| octets.len() * repeat).sum();
    let part = whole.div_ceil(LARGEST);
    // Some entries are many pieces, each there once.
    let repeats = pieces.iter().any(|(_, repeat)| *repeat > 1);
    let make = move |times: usize| {
        let count = if repeats { pieces.len() } else { (pieces.len() * times).div_ceil(8) };
        let pieces = &pieces[..count];
        let octets = pieces.iter().map(|(octets, repeat)| octets.repeat((repeat * times).div_ceil(8 * part)));
        octets.collect::<Vec<_>>().concat()
    };
    let name = format!("catalogue {}", entry["id"].as_str().expect("an id"));
    let whole = Some(if repeats { 8 * part } else { 8 });
    Input { name, read: mail::read, make: Box::new(make), whole }
}
