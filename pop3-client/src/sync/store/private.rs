//! Files and folders that are their owner's alone, as delivery agents make them, where the system knows such a thing. What
//! is there already stays as it is.

use super::super::journal::sync_folder_of;
use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

/// What is created by these options can be read by nobody else.
pub(in super::super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes a folder, and those that lead to it, if need be. What is in a folder is durable only if its name is.
pub(super) fn private_folder(path: &Path) -> io::Result<()> {
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let made: Vec<_> = path.ancestors().take_while(missing).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    made.into_iter().try_for_each(sync_folder_of)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::super::{Arrived, Files, Maildir, Mboxrd, MessageKey, Store};
    use crate::sync::Digest;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    fn fetched(store: &mut dyn Store) {
        let content = Digest::of(&[b"x"]);
        let arrived = Arrived {
            key: MessageKey::new("ada", None, content),
            uid: None,
            octets: 1,
            content,
            at: 1,
        };
        store.begin().unwrap();
        store.write(b"x").unwrap();
        store.finish(&arrived).unwrap();
        store.commit().unwrap();
    }

    /// Everything below a folder.
    fn below(folder: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(below(&path));
            }
            found.push(path);
        }
        found
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn fetched_mail_is_its_owners_alone() {
        let name = format!("postrider-private-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("there"), "").unwrap();
        fs::set_permissions(folder.join("there"), fs::Permissions::from_mode(0o644)).unwrap();
        fetched(&mut Maildir::open(folder.join("mail/dir")).unwrap());
        fetched(&mut Files::open(folder.join("files")).unwrap());
        fetched(&mut Mboxrd::open(folder.join("mbox")).unwrap());
        let made = below(&folder);
        assert!(made.len() > 8, "{made:?}");
        for path in made.iter().filter(|path| !path.ends_with("there")) {
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(path) & !expected, 0, "{}", path.display());
        }
        fetched(&mut Mboxrd::open(folder.join("there")).unwrap());
        assert_eq!(mode(&folder.join("there")), 0o644, "it stays as it is");
        fs::remove_dir_all(&folder).unwrap();
    }
}
