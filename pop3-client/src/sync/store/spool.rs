use super::super::journal::sync_folder;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A message that is being written to a temporary file.
#[derive(Debug)]
pub(super) struct Spool {
    folder: PathBuf,
    open: Option<(BufWriter<File>, PathBuf)>,
}

/// The one name for what is not whole; a file that a crash left there is overwritten.
const NAME: &str = "postrider.part";

impl Spool {
    /// Spools in this folder, which is made if need be.
    pub(super) fn new(folder: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&folder)?;
        Ok(Self { folder, open: None })
    }

    pub(super) fn begin(&mut self) -> io::Result<()> {
        let path = self.folder.join(NAME);
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)?;
        self.open = Some((BufWriter::with_capacity(64 << 10, file), path));
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.open {
            Some((file, _)) => file.write_all(bytes),
            None => Err(not_begun()),
        }
    }

    /// The whole message: its file, not synced, and its path.
    pub(super) fn take(&mut self) -> io::Result<(File, PathBuf)> {
        let (file, path) = self.open.take().ok_or_else(not_begun)?;
        Ok((
            file.into_inner().map_err(io::IntoInnerError::into_error)?,
            path,
        ))
    }

    pub(super) fn abort(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some((_, path)) => fs::remove_file(path),
            None => Ok(()),
        }
    }
}

fn not_begun() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "no message was begun")
}

/// Files that were renamed into a folder, and must become durable there.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    files: Vec<File>,
}

impl Unsynced {
    /// Renames a whole message to its name, durable after the next [`commit`](Self::commit).
    pub(super) fn rename(&mut self, file: File, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)?;
        self.files.push(file);
        Ok(())
    }

    /// Content first, then names.
    pub(super) fn commit(&mut self, folder: &Path) -> io::Result<()> {
        if self.files.is_empty() {
            return Ok(());
        }
        sync_all(&self.files)?;
        sync_folder(folder)?;
        self.files.clear();
        Ok(())
    }
}

/// Files that are synced at the same time. File systems write them together, which is several times as fast as one
/// after another.
const TOGETHER: usize = 16;

fn sync_all(files: &[File]) -> io::Result<()> {
    let sync = |files: &[File]| files.iter().try_for_each(File::sync_all);
    std::thread::scope(|scope| {
        let share = files.len().div_ceil(TOGETHER).max(1);
        let running: Vec<_> = files
            .chunks(share)
            .map(|files| scope.spawn(move || sync(files)))
            .collect();
        let panicked = || Err(io::Error::other("the thread that synced a file panicked"));
        running
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|_| panicked()))
    })
}
