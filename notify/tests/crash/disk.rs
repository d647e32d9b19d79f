//! Disks that cannot be written: what is read-only, and a log that cannot be made. Full ones are in `cli.rs`.

use super::checkpoints::event;
use super::desk::{Ran, json, postrider, run};
use postrider_notify::store::{SqliteStore, Store, StoreError, Work};
use std::fs::{File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;

/// A user that owns nothing.
const NOBODY: u32 = 65534;

#[test]
fn where_a_database_or_its_folder_is_read_only_nothing_is_acknowledged_and_nothing_changes() {
    let binds = permissions_bind();
    for (of_folder, of_database) in [(0o777, 0o444), (0o555, 0o666)] {
        let dir = tempfile::tempdir().unwrap();
        let create = |what| ["record", "create", "incident", what];
        run(dir.path(), &["init", "."]).good();
        run(dir.path(), &create("short_description=first")).good();
        permit(dir.path(), of_folder, of_database);

        let mut command = postrider();
        command.current_dir(dir.path());
        command.args(create("short_description=second"));
        if !binds {
            command.uid(NOBODY).gid(NOBODY);
        }
        let output = command.output();
        permit(dir.path(), 0o755, 0o644);
        let may_not = [ErrorKind::PermissionDenied, ErrorKind::InvalidInput];
        let output = match output {
            Err(error) if !binds && may_not.contains(&error.kind()) => {
                eprintln!("left out: as root, and {NOBODY} may not run the program: {error}");
                return;
            }
            output => output.unwrap(),
        };
        let ran = Ran::of(output);
        assert_eq!(ran.code, 74, "{of_database:o}: {}{}", ran.out, ran.err);
        assert_eq!(ran.out, "", "nothing was acknowledged");
        let records = run(dir.path(), &["record", "list", "incident", "--json"]);
        assert_eq!(json(&records.good()).len(), 1);
    }
}

/// False for root, which may write whatever the permissions say.
fn permissions_bind() -> bool {
    let file = tempfile::NamedTempFile::new().unwrap();
    set_mode(file.path(), 0o444);
    File::options().append(true).open(file.path()).is_err()
}

/// Sets the mode of this folder and of the database in it, and lets everybody read the rest.
fn permit(dir: &Path, of_folder: u32, of_database: u32) {
    // While it is read, the folder is one that can be written.
    set_mode(dir, 0o755);
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let is_database = path.extension().is_some_and(|name| name == "db");
        match path.is_dir() {
            true => permit(&path, 0o755, 0o644),
            false if is_database => set_mode(&path, of_database),
            false => set_mode(&path, 0o644),
        }
    }
    set_mode(dir, of_folder);
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn where_no_log_can_be_made_a_database_is_not_opened_and_keeps_what_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("desk.db");
    let work = Work {
        events: vec![event()],
        ..Work::default()
    };
    let store = SqliteStore::open(&path).unwrap();
    let id = store.commit(&work).unwrap().events[0];
    drop(store);

    // A folder in the place of the log: nobody can write there, be it root.
    let log = dir.path().join("desk.db-wal");
    std::fs::create_dir(&log).unwrap();
    let refused = SqliteStore::open(&path).unwrap_err();
    assert!(matches!(refused, StoreError::Database { .. }), "{refused}");
    let said = refused.to_string();
    assert!(said.starts_with("cannot open the database "), "{said}");

    std::fs::remove_dir(&log).unwrap();
    let store = SqliteStore::open(&path).unwrap();
    assert!(store.explain(id).unwrap().is_some());
    assert_eq!(store.integrity().unwrap(), "ok");
}
