//! `postrider record attach` as people run it.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;
mod support;

use desk::*;

#[test]
fn files_are_attached_once_and_shown_with_their_record() {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &["init", "."]).good();
    run(
        dir.path(),
        &["record", "create", "incident", "short_description=Tea"],
    )
    .good();
    std::fs::write(dir.path().join("plan.pdf"), b"%PDF").unwrap();
    std::fs::write(dir.path().join("notes.txt"), b"Tea").unwrap();
    let record = "incident/INC0010001";
    let attach = [
        "record",
        "attach",
        record,
        "plan.pdf",
        "notes.txt",
        "--as",
        "ada",
    ];
    run(dir.path(), &attach).good();
    let listed = run(dir.path(), &attach).good();
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(
        listed.contains("plan.pdf (application/pdf, 4 octets, "),
        "{listed}"
    );
    let shown = run(dir.path(), &["record", "show", record]).good();
    assert!(
        shown.contains("notes.txt (text/plain, 3 octets, "),
        "{shown}"
    );
    let json = run(dir.path(), &["record", "show", record, "--json"]).good();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["attachments"][0]["name"], "plan.pdf");
    assert_eq!(json["attachments"][1]["author"], "ada");
    run(
        dir.path(),
        &["record", "attach", "incident/INC9", "plan.pdf"],
    )
    .says(66, "there is no record incident/INC9");
    let nothing = "cannot read nothing.txt: No such file or directory (os error 2)";
    run(dir.path(), &["record", "attach", record, "nothing.txt"]).says(66, nothing);
}
