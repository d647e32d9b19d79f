//! `smtp-client/RFCS.md` says which test shows what: each of them exists, and none is named in vain.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// The names of all functions in the Rust files of a folder.
fn functions(folder: &Path, found: &mut HashSet<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text
                .lines()
                .filter_map(|line| line.trim_start().split_once("fn "));
            let names = lines.filter_map(|(_, rest)| rest.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

#[test]
fn every_test_that_the_table_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut known = HashSet::new();
    for folder in [
        "smtp-client/src",
        "smtp-client/tests",
        "wire/src",
        "wire/tests",
        "tests/tests",
    ] {
        let folder = root.join(folder);
        if folder.is_dir() {
            functions(&folder, &mut known);
        }
    }
    let table = fs::read_to_string(root.join("smtp-client/RFCS.md")).unwrap();
    let rows = table
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| r"));
    let rows: Vec<&str> = rows.filter(|line| !line.starts_with("| RFC")).collect();
    assert!(rows.len() > 60, "{} rows", rows.len());
    for row in rows {
        let cell = row.trim_end_matches([' ', '|']).rsplit('|').next().unwrap();
        let names: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "nothing shows this: {row}");
        for name in names {
            assert!(known.contains(name), "there is no test {name}");
        }
    }
}
