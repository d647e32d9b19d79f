//! `postrider inspect`: the tree that is drawn, the objects that are printed, the files that are saved.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;

use desk::*;
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const MAIL: &str = "From: Ann <ann@example.org>\r\nSubject: s\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n\
--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: text/html\r\n\
Content-Transfer-Encoding: quoted-printable\r\n\r\n=zz\r\n--b--\r\n\
--a\r\nContent-Disposition: attachment; filename=\"../../x.bin\"\r\nContent-Type: application/octet-stream\r\n\
Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n\
--a\r\nContent-Disposition: attachment; filename=x.bin\r\nContent-Type: application/octet-stream\r\n\r\nsecond\r\n";

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mail.eml"), MAIL).unwrap();
    dir
}

#[test]
fn the_tree_is_drawn_with_its_defects() {
    let dir = folder();
    let out = run(dir.path(), &["inspect", "mail.eml"]).good();
    let html = MAIL.find("=zz").unwrap();
    for line in [
        "├─ multipart/alternative, ",
        "│  ├─ text/plain, 4 octets\n",
        "│  └─ text/html, quoted-printable, 3 octets\n",
        &format!(
            "│     {}! octet {html}: malformed quoted-printable\n",
            "   "
        ),
        "├─ application/octet-stream, base64, 3 octets, ../../x.bin (saved as x.bin)\n",
        "└─ application/octet-stream, 8 octets, x.bin\n",
        ": multipart without a close delimiter\n",
    ] {
        assert!(out.contains(line), "{line:?} is not in\n{out}");
    }
}

#[test]
fn several_files_and_standard_input() {
    let dir = folder();
    let mut child = postrider()
        .current_dir(dir.path())
        .args(["inspect", "--json", "mail.eml", "none.eml", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"Subject: two\r\n\r\nx\r\n").unwrap();
    drop(stdin);
    let ran = Ran::of(child.wait_with_output().unwrap());
    let objects = json(&ran.out);
    assert_eq!(objects.len(), 2, "one that fails does not stop the others");
    assert_eq!(objects[0]["agreed"]["1.2/size_decoded"], 3);
    assert_eq!(objects[1]["file"], "-");
    assert_eq!(objects[1]["agreed"]["subject"], "two");
    assert_eq!(ran.code, 66);
    assert!(ran.err.contains("cannot read none.eml: "), "{}", ran.err);
}

#[test]
fn parts_are_saved_inside_the_folder_over_nothing_that_is_there() {
    let dir = folder();
    let to = dir.path().join("a/b");
    std::fs::create_dir_all(&to).unwrap();
    std::fs::write(to.join("x.bin"), "mine").unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(dir.path().join("outside"), to.join("x-2.bin")).unwrap();
    #[cfg(not(unix))]
    std::fs::write(to.join("x-2.bin"), "").unwrap();
    let out = run(dir.path(), &["inspect", "mail.eml", "--extract", "a/b"]).good();
    assert!(out.contains("x-3.bin"), "{out}");
    let read = |name: &str| std::fs::read(to.join(name)).unwrap();
    assert_eq!(read("x.bin"), b"mine");
    assert_eq!(read("x-3.bin"), [0, 1, 2]);
    assert_eq!(read("x-4.bin"), b"second\r\n");
    assert!(!dir.path().join("outside").exists(), "no link is followed");
    assert_eq!(std::fs::read_dir(&to).unwrap().count(), 6);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[cfg(unix)]
#[test]
fn what_is_saved_of_a_mail_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = folder();
    run(dir.path(), &["inspect", "mail.eml", "--extract", "a/b"]).good();
    for name in ["a", "a/b", "a/b/x.bin"] {
        let mode = std::fs::metadata(dir.path().join(name)).unwrap();
        let mode = mode.permissions().mode();
        assert_eq!(mode & 0o077, 0, "{name}: {mode:o}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_could_not_be_written_is_told_by_the_exit_code() {
    let dir = folder();
    for args in [
        &["inspect", "--json", "mail.eml"][..],
        &["inspect", "mail.eml"],
        &["man"],
        &["--help"],
    ] {
        let full = std::fs::File::options().write(true).open("/dev/full");
        let mut command = postrider();
        command.current_dir(dir.path()).args(args);
        let ran = Ran::of(command.stdout(full.unwrap()).output().unwrap());
        assert_eq!(ran.code, 74, "{args:?}: {}", ran.err);
        let said = "postrider: cannot write to standard output: ";
        assert!(ran.err.starts_with(said), "{args:?}: {}", ran.err);
    }
}

#[test]
fn a_reader_that_has_gone_away_is_no_failure() {
    let dir = folder();
    for args in [&["inspect", "--json", "mail.eml"][..], &["man"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = postrider();
        command.current_dir(dir.path()).args(args);
        let ran = Ran::of(command.stdout(writer).output().unwrap());
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    }
}

#[test]
fn text_in_any_charset_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mail = b"Subject: =?iso-2022-jp?B?GyRCRnxLXDhsGyhC?=\r\nContent-Type: text/plain; charset=gb2312\r\n\r\n\xc4\xe3\xba\xc3";
    std::fs::write(dir.path().join("mail.eml"), mail).unwrap();
    let found = json(&run(dir.path(), &["inspect", "--json", "mail.eml"]).good());
    let agreed = &found[0]["agreed"];
    assert_eq!(agreed["subject"], "\u{65e5}\u{672c}\u{8a9e}");
    let hello = "670d9743542cae3ea7ebe36af56bd53648b0a1126162e78d81a32934a711302e";
    assert_eq!(agreed["1/text_sha256"], hello);
}

/// Runs when `POSTRIDER_CORPUS` names the folder with `mime/expectations.jsonl`: these files are ones without a deviation.
#[test]
fn json_has_the_values_that_other_parsers_agree_on() {
    let Some(corpus) = std::env::var_os("POSTRIDER_CORPUS") else {
        println!("POSTRIDER_CORPUS is not set: nothing was compared");
        return;
    };
    let corpus = PathBuf::from(corpus).join("mime");
    let expected = std::fs::read_to_string(corpus.join("expectations.jsonl")).unwrap();
    let expected = json(&expected);
    let sets = [
        "MimeKit/UnitTests/TestData/messages/body.",
        "mail-parser/resources/eml/rfc/",
    ];
    let chosen: Vec<&Value> = expected
        .iter()
        .filter(|e| {
            sets.iter()
                .any(|set| e["file"].as_str().unwrap().starts_with(set))
        })
        .collect();
    assert!(chosen.len() >= 5, "{} files", chosen.len());
    let mut args = vec!["inspect", "--json"];
    args.extend(chosen.iter().map(|e| e["file"].as_str().unwrap()));
    let found = json(&run(Path::new(&corpus), &args).good());
    assert_eq!(found.len(), chosen.len());
    for (expected, found) in chosen.iter().zip(&found) {
        let keys = |value: &Value| {
            value
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(keys(expected), keys(found));
        assert_eq!(expected["file"], found["file"]);
        for (key, value) in expected["agreed"].as_object().unwrap() {
            assert_eq!(&found["agreed"][key], value, "{} {key}", expected["file"]);
        }
    }
}
