//! The feature table of the README: each row of ours links to a test that is there.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

/// File and name of a link such as `[Y](tests/peers.rs "name")`.
fn link(row: &str) -> Option<(&str, &str)> {
    let (_, rest) = row.split_once("| [Y](")?;
    let (file, rest) = rest.split_once(" \"")?;
    Some((file, rest.split_once("\")")?.0))
}

/// True if the text has a test of this name.
fn has_test(text: &str, name: &str) -> bool {
    let at = ["fn ", "async fn "]
        .iter()
        .find_map(|f| text.find(&format!("{f}{name}()")));
    at.is_some_and(|at| {
        let before = text.get(..at).unwrap_or_default();
        let attributes = before.rsplit("\n\n").next().unwrap_or_default();
        attributes.contains("#[test]") || attributes.contains("#[tokio::test")
    })
}

#[test]
fn each_row_of_the_table_links_to_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let table = readme.split("## Beside others").nth(1).expect("the table");
    let table = table.split("\n## ").next().unwrap();
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect();
    assert!(rows.len() >= 30, "{}", rows.len());
    for row in rows {
        let (file, name) = link(row).unwrap_or_else(|| panic!("{row}: no link"));
        let text =
            std::fs::read_to_string(root.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert!(has_test(&text, name), "{file} has no test {name}");
    }
}

/// The text of every Rust file below.
fn sources(folder: &Path, text: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&std::fs::read_to_string(path).unwrap());
            text.push('\n');
        }
    }
}

#[test]
fn each_defect_of_others_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    sources(&root.join("src"), &mut text);
    sources(&root.join("tests"), &mut text);
    let table = std::fs::read_to_string(root.join("tests/README.md")).unwrap();
    let rows = ["| O", "| I"];
    let rows: Vec<&str> = table
        .lines()
        .filter(|line| rows.iter().any(|row| line.starts_with(row)))
        .collect();
    assert!(rows.len() >= 28, "{}", rows.len());
    for row in rows {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let names: Vec<&str> = tests.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "{row}: no test");
        for name in names {
            assert!(has_test(&text, name), "{row}: there is no test {name}");
        }
    }
}

#[test]
fn a_link_to_nothing_is_noticed() {
    assert!(!has_test("#[test]\nfn another() {}", "one"));
    assert!(!has_test("fn one() {}", "one"), "a helper is no test");
    assert!(has_test("#[test]\nfn one() {}", "one"));
    assert_eq!(link("| x | Y | N |"), None);
}
