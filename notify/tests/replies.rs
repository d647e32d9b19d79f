//! The new text of replies as mail programs write them: `replies/NAME.eml`, and what it says itself in `NAME.txt`.
//!
//! The mails are written after the habits of those programs, in many languages; none of them was ever sent.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

use postrider_notify::inbound::mail::Mail;
use std::path::PathBuf;

/// Of a hundred replies so many must be read exactly.
const AT_LEAST: usize = 95;

fn fixtures() -> Vec<(String, Mail, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/replies");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "eml") {
            let raw = std::fs::read_to_string(&path).unwrap();
            let mail = Mail::parse(raw.replace('\n', "\r\n").as_bytes());
            let expected = std::fs::read_to_string(path.with_extension("txt")).unwrap();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            found.push((name, mail, expected.trim_end().to_owned()));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn the_new_text_of_replies_is_exact() {
    let all = fixtures();
    assert!(all.len() >= 60, "{}", all.len());
    let mut misses = Vec::new();
    for (name, mail, expected) in &all {
        let found = mail.new_text();
        if found != *expected {
            misses.push(format!(
                "{name}\n  expected {expected:?}\n  found    {found:?}"
            ));
        }
    }
    let exact = all.len() - misses.len();
    eprintln!("{exact} of {} replies are exact; the misses:", all.len());
    misses.iter().for_each(|miss| eprintln!("{miss}"));
    assert!(exact * 100 >= all.len() * AT_LEAST);
}

#[test]
fn the_whole_text_is_kept_beside_it() {
    for (name, mail, expected) in fixtures() {
        let whole: Vec<&str> = mail.text.lines().map(str::trim).collect();
        for line in expected.lines() {
            assert!(
                whole.contains(&line) || mail.html.is_some(),
                "{name}: {line:?}"
            );
        }
    }
}
