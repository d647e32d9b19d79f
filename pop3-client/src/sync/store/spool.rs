use super::super::journal::sync_folder;
use super::private::{private, private_folder};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// A message that is being written to a temporary file.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    open: Option<(BufWriter<File>, PathBuf)>,
}

/// How the names end of what is not whole. Each begins with a process and a number, for several may write into one folder.
const PART: &str = ".postrider-part";

/// Where others may write as well, what is so old was left by a crash. That is the time that Maildir gives a delivery.
pub(super) const ABANDONED: Duration = Duration::from_secs(36 * 60 * 60);

impl Spool {
    /// Spools in this folder, which is made if need be.
    pub(super) fn new(folder: PathBuf) -> io::Result<Self> {
        private_folder(&folder)?;
        Ok(Self { folder, open: None })
    }

    pub(super) fn begin(&mut self) -> io::Result<()> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        self.abort()?;
        let mut options = File::options();
        options.read(true).write(true).create_new(true);
        loop {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = format!("{}.{number}{PART}", std::process::id());
            let path = self.folder.join(name);
            match private(&mut options).open(&path) {
                Ok(file) => {
                    self.open = Some((BufWriter::with_capacity(64 << 10, file), path));
                    return Ok(());
                }
                // Of a process that had, or has in another container, the same number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.open {
            Some((file, _)) => file.write_all(bytes),
            None => Err(not_begun()),
        }
    }

    /// The whole message: its file, not synced, and its path.
    pub(super) fn take(&mut self) -> io::Result<(File, PathBuf)> {
        let (file, _) = self.open.as_mut().ok_or_else(not_begun)?;
        // What could not be written stays open, and is aborted.
        file.flush()?;
        let (file, path) = self.open.take().ok_or_else(not_begun)?;
        Ok((
            file.into_inner().map_err(io::IntoInnerError::into_error)?,
            path,
        ))
    }

    pub(super) fn abort(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some((_, path)) => remove(&path),
            None => Ok(()),
        }
    }

    /// Removes what a crash left here, if that is so long ago.
    pub(super) fn clean(&self, age: Duration) {
        // What cannot be removed is in nobody's way.
        let Ok(entries) = fs::read_dir(&self.folder) else {
            return;
        };
        for entry in entries.flatten() {
            let modified = entry.metadata().and_then(|about| about.modified());
            let rested = modified.is_ok_and(|at| at.elapsed().unwrap_or_default() >= age);
            let name = entry.file_name();
            // The second is what older versions called theirs.
            let ours = |name: &str| name.ends_with(PART) || name == "postrider.part";
            if rested && name.to_str().is_some_and(ours) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        // What cannot be removed now is in time, as after a crash.
        let _ = self.abort();
    }
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn not_begun() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "no message was begun")
}

/// Whole messages that are not durable yet, under temporary names.
///
/// They are synced before they get their own names: whoever finds such a name finds all of the message, also after a crash.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    messages: Vec<Whole>,
}

#[derive(Debug)]
struct Whole {
    file: File,
    from: PathBuf,
    to: PathBuf,
}

impl Unsynced {
    /// A whole message. It has its own name, and is durable, after the next [`commit`](Self::commit).
    pub(super) fn push(&mut self, file: File, from: PathBuf, to: PathBuf) {
        self.messages.push(Whole { file, from, to });
    }

    /// Content first, then names, then the folders of these. After an error the messages are lost: what could not be synced
    /// may pass for synced the next time.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        if self.messages.is_empty() {
            return Ok(());
        }
        sync_all(&self.messages)?;
        for Whole { from, to, .. } in &self.messages {
            fs::rename(from, to)?;
        }
        let paths = self.messages.iter();
        let folders: BTreeSet<&Path> = paths.filter_map(|whole| whole.to.parent()).collect();
        folders.into_iter().try_for_each(sync_folder)?;
        self.messages.clear();
        Ok(())
    }

    /// Of what was not committed no temporary name stays.
    pub(super) fn forget(&mut self) {
        for Whole { from, .. } in self.messages.drain(..) {
            // It may have its own by now; or else it is removed in time, as after a crash.
            let _ = remove(&from);
        }
    }
}

impl Drop for Unsynced {
    fn drop(&mut self) {
        self.forget();
    }
}

/// Files that are synced at the same time. File systems write them together, which is several times as fast as one
/// after another.
const TOGETHER: usize = 16;

fn sync_all(messages: &[Whole]) -> io::Result<()> {
    let sync = |some: &[Whole]| some.iter().try_for_each(|whole| whole.file.sync_all());
    std::thread::scope(|scope| {
        let share = messages.len().div_ceil(TOGETHER).max(1);
        let running: Vec<_> = messages
            .chunks(share)
            .map(|some| scope.spawn(move || sync(some)))
            .collect();
        let panicked = || Err(io::Error::other("the thread that synced a file panicked"));
        running
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| panicked()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A spool in a folder of its own.
    fn opened(name: &str) -> (PathBuf, Spool) {
        let name = format!("postrider-spool-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        let spool = Spool::new(folder.clone()).unwrap();
        (folder, spool)
    }

    /// Begins a message, and tells where it is.
    fn begun(spool: &mut Spool) -> PathBuf {
        spool.begin().unwrap();
        let (_, path) = spool.open.as_ref().unwrap();
        path.clone()
    }

    #[test]
    fn a_name_that_somebody_else_has_taken_is_left_to_him() {
        let (folder, mut spool) = opened("taken");
        let path = begun(&mut spool);
        let name = path.file_name().unwrap().to_str().unwrap();
        let number: usize = name.split('.').nth(1).unwrap().parse().unwrap();
        // The next one, or some more where other tests count on at the same time.
        let theirs = (1..=200).map(|n| format!("{}.{}{PART}", std::process::id(), number + n));
        let theirs: Vec<_> = theirs.map(|name| folder.join(name)).collect();
        for path in &theirs {
            fs::write(path, "theirs").unwrap();
        }
        let ours = begun(&mut spool);
        spool.write(b"ours").unwrap();
        spool.take().unwrap();
        assert!(!theirs.contains(&ours), "{}", ours.display());
        assert_eq!(fs::read_to_string(ours).unwrap(), "ours");
        for path in &theirs {
            assert_eq!(fs::read_to_string(path).unwrap(), "theirs");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_folder_that_is_gone_is_an_error_and_not_tried_for_ever() {
        let (folder, mut spool) = opened("gone");
        fs::remove_dir(&folder).unwrap();
        let error = spool.begin().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn what_is_gone_already_counts_as_removed_and_what_cannot_be_removed_is_an_error() {
        let (folder, mut spool) = opened("removed");
        fs::remove_file(begun(&mut spool)).unwrap();
        spool.abort().unwrap();
        let path = begun(&mut spool);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        spool.abort().unwrap_err();
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn while_one_message_cannot_be_synced_none_of_its_group_gets_its_name() {
        use std::os::fd::OwnedFd;
        use std::os::unix::net::UnixStream;
        let (folder, _spool) = opened("unsynced");
        let named = folder.join("named");
        // In the first share of the files, and in the last.
        for bad in [0, 2 * TOGETHER] {
            let mut unsynced = Unsynced::default();
            for n in 0..=2 * TOGETHER {
                let from = folder.join(format!("{n}{PART}"));
                let mut file = File::create(&from).unwrap();
                if n == bad {
                    // What is no file cannot be synced.
                    let (socket, _) = UnixStream::pair().unwrap();
                    file = File::from(OwnedFd::from(socket));
                }
                unsynced.push(file, from, named.clone());
            }
            unsynced.commit().unwrap_err();
            assert!(!named.exists(), "{bad}");
            drop(unsynced);
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{bad}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
