//! The table in `tests/README.md` is complete, and every test that it names is there.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

/// The text of every Rust file below.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_row_names_tests_that_are_there() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    sources(&crate_folder.join("src"), &mut text);
    sources(&crate_folder.join("tests"), &mut text);
    let table = std::fs::read_to_string(crate_folder.join("tests/README.md")).unwrap();
    for row in 1..=25 {
        let start = format!("| S{row} | ");
        let line = table.lines().find(|line| line.starts_with(&start));
        let line = line.unwrap_or_else(|| panic!("no row S{row}"));
        let tests = line.rsplit(" | ").next().unwrap();
        let names: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "S{row} has no test");
        for name in names {
            assert!(text.contains(&format!("fn {name}(")), "S{row}: {name}");
        }
    }
}
