//! `smtp-client/RFCS.md` and `mime/RFCS.md` say which test shows what: each of them exists, and none is named in vain.

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

/// The names in the cells of a row, last cell first.
fn cells(row: &str) -> impl Iterator<Item = Vec<&str>> {
    let cells = row.trim_end_matches([' ', '|']).rsplit('|');
    cells.map(|cell| cell.split('`').skip(1).step_by(2).collect())
}

/// The rows of a table, of which each names a test that exists in one of the folders.
fn rows(root: &Path, table: &str, folders: &[&str]) -> Vec<String> {
    let mut known = HashSet::new();
    for folder in folders.iter().map(|folder| root.join(folder)) {
        if folder.is_dir() {
            functions(&folder, &mut known);
        }
    }
    let text = fs::read_to_string(root.join(table)).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let rows = rows.filter(|line| !line.starts_with("| r") && !line.starts_with("| RFC"));
    let rows: Vec<String> = rows.map(str::to_owned).collect();
    assert!(rows.len() > 60, "{} rows", rows.len());
    for row in &rows {
        let names = cells(row).next().unwrap();
        assert!(!names.is_empty(), "nothing shows this: {row}");
        for name in names {
            assert!(known.contains(name), "there is no test {name}");
        }
    }
    rows
}

#[test]
fn every_test_that_the_table_of_smtp_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = [
        "smtp-client/src",
        "smtp-client/tests",
        "wire/src",
        "wire/tests",
        "tests/tests",
    ];
    rows(root, "smtp-client/RFCS.md", &folders);
}

#[test]
fn every_test_and_file_that_the_table_of_mime_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = ["mime/src", "mime/tests", "tests/tests", "tests/src"];
    let mut named = HashSet::new();
    for row in rows(root, "mime/RFCS.md", &folders) {
        let files = cells(&row).nth(1).unwrap();
        assert!(!files.is_empty(), "no file does this: {row}");
        for file in files {
            assert!(
                root.join("mime/src").join(file).is_file(),
                "there is no file {file}"
            );
            named.insert(file.to_owned());
        }
    }
    for grammar in fs::read_dir(root.join("mime/src/grammar"))
        .unwrap()
        .flatten()
    {
        let name = grammar.file_name().into_string().unwrap();
        let place = format!("grammar/{name}");
        // A folder is named by the rows of what is in it.
        let within = format!("{place}/");
        let named = named.contains(&place) || named.iter().any(|file| file.starts_with(&within));
        assert!(named || name == "mod.rs", "no row names grammar/{name}");
    }
}
