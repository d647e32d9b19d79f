//! What operators look things up in, `CONFIGURATION.md`, is held to what is read.

use super::super::check::{INCOMING, OUTGOING};
use super::folder;
use crate::config::Config;
use std::collections::{BTreeMap, BTreeSet};

const REFERENCE: &str = include_str!("../../../CONFIGURATION.md");

/// A key that nobody would look for.
const UNKNOWN: &str = "qqqqqqqq";

/// The tables of the examples by the heading that describes them.
const TABLES: [(&str, &str); 14] = [
    ("[instance]", "[instance]"),
    ("[smtp.NAME]", "[smtp.main]"),
    ("[pop3.NAME]", "[pop3.support]"),
    ("[outgoing]", "[outgoing]"),
    ("[table.NAME]", "[table.incident]"),
    ("[user.ID]", "[user.ada]"),
    ("[group.ID]", "[group.support]"),
    ("[schedule.ID]", "[schedule.office]"),
    ("[event.\"NAME\"]", "[event.\"incident.waiting\"]"),
    ("[notification.NAME]", "[notification.incident_assigned]"),
    ("digest", "[notification.incident_assigned.digest]"),
    ("[incoming]", "[incoming]"),
    ("[inbound.NAME]", "[inbound.reply]"),
    ("[mailto.NAME]", "[mailto.approve]"),
];

/// All examples, which are one file.
fn examples() -> String {
    let blocks = REFERENCE.split("```toml\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks.collect::<Vec<_>>().join("\n")
}

fn load(text: &str) -> Result<Config, String> {
    let dir = folder(&[("postrider.toml", text), ("templates/layout.html", "")]);
    Config::load(dir.path()).map_err(|error| error.to_string())
}

/// The names in the first column of every table of keys, by the heading above; `digest` has one of its own.
fn described() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let (mut heading, mut table) = ("", None);
    for line in REFERENCE.lines().filter(|line| !line.starts_with("|--")) {
        if let Some(title) = line.trim_start_matches('#').strip_prefix(' ')
            && line.starts_with("##")
        {
            heading = title.trim_matches('`');
        }
        let cell = line
            .strip_prefix("| ")
            .and_then(|row| row.split(" | ").next());
        table = match (cell, table) {
            (None, _) => None,
            (Some("key"), None) => Some(heading),
            (Some(other), None) => Some(
                other
                    .strip_prefix("key of ")
                    .map_or("", |of| of.trim_matches('`')),
            ),
            (Some(_), table) => table,
        };
        if let (Some(cell), Some(table)) = (cell, table) {
            let names = cell
                .split(", ")
                .filter_map(|name| name.strip_prefix('`')?.strip_suffix('`'));
            found.entry(table).or_default().extend(names);
        }
    }
    found
}

/// The keys that a table may have, as the mistake of an unknown one names them.
fn known(table: &str) -> BTreeSet<String> {
    let line = format!("{UNKNOWN} = 1\n");
    let text = match table {
        "" => format!("{line}{}", examples()),
        table => examples().replacen(&format!("{table}\n"), &format!("{table}\n{line}"), 1),
    };
    let error = load(&text).unwrap_err();
    let list = error
        .split("; there are ")
        .nth(1)
        .unwrap_or_else(|| panic!("{table}: {error}"));
    let names = list.lines().next().unwrap().split(", ");
    names
        .map(|name| name.trim_matches('`').to_owned())
        .collect()
}

#[test]
fn the_examples_are_one_configuration_without_a_warning() {
    let config = load(&examples()).unwrap();
    assert_eq!(config.warnings, []);
}

#[test]
fn every_key_that_is_read_is_described_and_no_other() {
    let described = described();
    for (heading, table) in TABLES.into_iter().chain([("The top of the file", "")]) {
        let described: BTreeSet<String> = described[heading]
            .iter()
            .map(|key| (*key).to_owned())
            .collect();
        assert_eq!(described, known(table), "{heading}");
    }
}

#[test]
fn every_name_that_templates_know_is_described() {
    for (object, fields) in OUTGOING.iter().chain(INCOMING) {
        for field in *fields {
            let name = format!("{object}.{field}");
            assert!(REFERENCE.contains(&name), "{name}");
        }
    }
}
