//! What `SECURITY.md` and `RELIABILITY.md` say of tests: those that they name are there, and are tests.

use std::fs;
use std::path::{Path, PathBuf};

/// The head of a table of threats.
const HEAD: &str = "| threat | defence | shown by |";

/// What begins the section on one attacker.
const ATTACKER: &str = "### A hostile ";

/// Where Rust of ours is.
const FOLDERS: [&str; 8] = [
    "wire",
    "mime",
    "smtp-client",
    "pop3-client",
    "sandbox",
    "notify",
    "tests",
    "fuzz",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(name: &str) -> String {
    let text = fs::read_to_string(root().join(name));
    text.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of the functions under `#[test]` or `#[tokio::test]`, in `proptest!` as well, that run unless they are left out.
fn tests_in(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if line.starts_with("#[ignore") {
            is_test = false;
        } else if let Some(name) = function(line) {
            found.extend(std::mem::take(&mut is_test).then_some(name));
        }
    }
    found
}

/// The name of the function that a line begins.
fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("pub ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The rows of the tables of threats.
fn threats(page: &str) -> Vec<&str> {
    let mut lines = page.lines();
    let mut rows = Vec::new();
    while lines.any(|line| line == HEAD) {
        let table = lines.by_ref().take_while(|line| line.starts_with('|'));
        rows.extend(table.skip(1));
    }
    rows
}

/// The tests that a row names, each found in the file that is named before it.
fn tests_of(threat: &str) -> Result<usize, String> {
    let mut cells = threat.trim_end_matches(" |").rsplit(" | ");
    let cell = cells.next().unwrap_or_default();
    let (mut file, mut found) = (String::new(), 0);
    for name in quoted(cell) {
        if name.ends_with(".rs") {
            file = read(name);
        } else if tests_in(&file).contains(&name) {
            found += 1;
        } else {
            return Err(format!("{name} is no test, in: {threat}"));
        }
    }
    match found {
        0 => Err(format!("no test, in: {threat}")),
        found => Ok(found),
    }
}

#[test]
fn every_threat_has_a_test_that_is_there() {
    let page = read("SECURITY.md");
    let attackers = page.lines().filter(|line| line.starts_with(ATTACKER));
    let tables = page.lines().filter(|line| *line == HEAD);
    // Whoever is curious is not hostile, and has a table all the same.
    assert_eq!(tables.count(), attackers.count() + 1);
    let threats = threats(&page);
    assert!(threats.len() > 30, "{}", threats.len());
    let faults: Vec<String> = threats
        .iter()
        .filter_map(|threat| tests_of(threat).err())
        .collect();
    assert!(faults.is_empty(), "{faults:#?}");
}

/// Whether a name is that of a test: four words or more.
fn is_long_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.bytes().all(plain) && name.split('_').count() >= 4
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        } else if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        }
    }
}

#[test]
fn every_test_that_the_figures_speak_of_is_there() {
    let mut files = Vec::new();
    for folder in FOLDERS {
        sources(&root().join(folder), &mut files);
    }
    let files = files.iter().map(|file| fs::read_to_string(file).unwrap());
    let texts: Vec<String> = files.collect();
    let tests: Vec<&str> = texts.iter().flat_map(|text| tests_in(text)).collect();
    let page = read("RELIABILITY.md");
    let names = quoted(&page).flat_map(str::split_whitespace);
    let names: Vec<&str> = names.filter(|name| is_long_name(name)).collect();
    assert!(names.len() > 30, "{}", names.len());
    // A command names several tests by what they begin with.
    let is_there = |name: &str| tests.iter().any(|test| test.starts_with(name));
    let missing: Vec<&str> = names.into_iter().filter(|name| !is_there(name)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn a_row_without_a_test_and_a_function_that_is_none_are_noticed() {
    let source = "#[test]\nfn a() {}\nfn b() {}\n#[tokio::test(flavor = \"x\")]\n/// c\nasync fn c() {}\n#[test]\n#[ignore]\nfn d() {}";
    assert_eq!(tests_in(source), ["a", "c"]);
    let page =
        format!("{HEAD}\n|---|---|---|\n| x | y | `z` |\n| u | v | |\n\n{HEAD}\n|---|\n| w |");
    assert_eq!(threats(&page), ["| x | y | `z` |", "| u | v | |", "| w |"]);
    let here = "`tests/tests/security.rs`";
    let row = |cell: &str| tests_of(&format!("| x | y | {cell} |"));
    assert_eq!(
        row(&format!("{here} `every_threat_has_a_test_that_is_there`")),
        Ok(1)
    );
    for cell in ["", here, &format!("{here} `threats`"), "`threats`"] {
        assert!(row(cell).is_err(), "{cell}");
    }
}
