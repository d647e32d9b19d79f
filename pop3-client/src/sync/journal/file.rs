use super::super::crc::crc32;
use super::lock::Lock;
use super::{Journal, JournalEntry};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Where the bytes of a journal live. A file; in tests, something that can lose what was not synced.
pub(in super::super) trait Medium: Send {
    fn read_all(&mut self) -> io::Result<Vec<u8>>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    /// Replaces everything at once: after a crash there is either the old or the new.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A journal in a file that is only ever appended to.
///
/// A line is `length crc32 entry LF`, length and CRC as eight hexadecimal digits each. A line that was half written
/// when the power went is found by them, and dropped with everything after it: nothing after it was promised.
///
/// The file is this process's own until this is dropped, or the process ends in whatever way: `FILE.lock` beside it says so
/// to others. That file stays, and says nothing by being there.
#[derive(Debug)]
pub struct JournalFile {
    lines: Lines<FileMedium>,
    _lock: Lock,
}

impl JournalFile {
    /// Opens the file, or creates it in a folder that is there.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] if another process uses it, or this one does already. Otherwise if it cannot be
    /// read and written.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let lock = Lock::acquire(&path)?;
        Ok(Self {
            lines: Lines(FileMedium::open(path)?),
            _lock: lock,
        })
    }
}

impl Journal for JournalFile {
    fn load(&mut self) -> io::Result<Vec<JournalEntry>> {
        self.lines.load()
    }

    fn commit(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        self.lines.commit(entries)
    }

    fn replace(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        self.lines.replace(entries)
    }
}

/// A journal of lines in any medium.
#[derive(Debug)]
pub(in super::super) struct Lines<M>(pub(in super::super) M);

impl<M: Medium> Journal for Lines<M> {
    fn load(&mut self) -> io::Result<Vec<JournalEntry>> {
        let bytes = self.0.read_all()?;
        let (entries, whole) = read(&bytes);
        if whole < bytes.len() {
            self.0.truncate(whole as u64)?;
            self.0.sync()?;
        }
        Ok(entries)
    }

    fn commit(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        self.0.append(text(entries).as_bytes())?;
        self.0.sync()
    }

    fn replace(&mut self, entries: &[JournalEntry]) -> io::Result<()> {
        self.0.replace(text(entries).as_bytes())
    }
}

fn text(entries: &[JournalEntry]) -> String {
    entries.iter().map(line).collect()
}

fn line(entry: &JournalEntry) -> String {
    let entry = entry.to_string();
    let crc = crc32(entry.as_bytes());
    format!("{:08x} {crc:08x} {entry}\n", entry.len())
}

/// The entries at the front that are whole, and how many octets they take.
fn read(bytes: &[u8]) -> (Vec<JournalEntry>, usize) {
    let (mut entries, mut at) = (Vec::new(), 0);
    while let Some((entry, length)) = bytes.get(at..).and_then(first_line) {
        entries.push(entry);
        at += length;
    }
    (entries, at)
}

/// Octets before the entry: two numbers and two blanks.
const PREFIX: usize = 18;

fn first_line(bytes: &[u8]) -> Option<(JournalEntry, usize)> {
    let prefix = std::str::from_utf8(bytes.get(..PREFIX)?).ok()?;
    let (length, crc) = prefix.trim_end().split_once(' ')?;
    let length = usize::from_str_radix(length, 16).ok()?;
    let crc = u32::from_str_radix(crc, 16).ok()?;
    let end = PREFIX.checked_add(length)?;
    let entry = bytes.get(PREFIX..end)?;
    if bytes.get(end) != Some(&b'\n') || crc32(entry) != crc {
        return None;
    }
    Some((std::str::from_utf8(entry).ok()?.parse().ok()?, end + 1))
}

#[derive(Debug)]
struct FileMedium {
    file: File,
    path: PathBuf,
}

impl FileMedium {
    fn open(path: PathBuf) -> io::Result<Self> {
        let new = !path.exists();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(&path)?;
        if new {
            sync_folder_of(&path)?;
        }
        Ok(Self { file, path })
    }
}

impl Medium for FileMedium {
    fn read_all(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(0))?;
        self.file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut name = self.path.clone().into_os_string();
        name.push(".new");
        let temporary = PathBuf::from(name);
        let mut file = File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &self.path)?;
        sync_folder_of(&self.path)?;
        self.file = OpenOptions::new()
            .read(true)
            .append(true)
            .open(&self.path)?;
        Ok(())
    }
}

/// Makes a new or renamed file's name durable.
pub(in super::super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    sync_folder(folder.unwrap_or(Path::new(".")))
}

/// Makes the names in a folder durable. Only Unix can, and only Unix needs to.
pub(in super::super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::record::Record;
    use super::*;

    fn three() -> (Vec<JournalEntry>, Vec<u8>) {
        let records = [
            Record::DelePending(1),
            Record::Committed(1, 2),
            Record::TopBroken,
        ];
        let entries = records.map(JournalEntry).to_vec();
        let text = text(&entries);
        (entries, text.into_bytes())
    }

    #[test]
    fn a_journal_cut_at_any_octet_gives_the_whole_entries_before_the_cut() {
        let (entries, bytes) = three();
        for cut in 0..=bytes.len() {
            let (read, whole) = read(&bytes[..cut]);
            let lines = bytes[..cut].iter().filter(|b| **b == b'\n').count();
            assert_eq!(read, entries[..lines]);
            assert!(whole <= cut);
        }
    }

    #[test]
    fn a_changed_octet_is_found() {
        let (entries, bytes) = three();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let (read, _) = read(&changed);
            assert!(
                read.len() < entries.len(),
                "octet {at} of {:?}",
                String::from_utf8_lossy(&changed)
            );
            assert_eq!(read, entries[..read.len()]);
        }
    }

    /// A folder of its own, gone with the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("postrider-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_file_is_appended_to_repaired_and_replaced() {
        let folder = Folder::new("journal");
        let path = folder.0.join("journal");
        let open = || {
            let mut journal = JournalFile::open(&path).unwrap();
            let entries = journal.load().unwrap();
            (journal, entries)
        };
        let (one, two) = (
            JournalEntry(Record::DelePending(1)),
            JournalEntry(Record::TopBroken),
        );

        let (mut journal, entries) = open();
        assert!(entries.is_empty());
        journal.commit(std::slice::from_ref(&one)).unwrap();
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"0000000a 12")
            .unwrap();
        drop(journal);

        let (mut journal, entries) = open();
        assert_eq!(entries, std::slice::from_ref(&one));
        journal.commit(std::slice::from_ref(&two)).unwrap();
        drop(journal);

        let (mut journal, entries) = open();
        assert_eq!(entries, [one.clone(), two.clone()]);
        journal.replace(std::slice::from_ref(&two)).unwrap();
        journal.commit(std::slice::from_ref(&one)).unwrap();
        drop(journal);
        assert_eq!(open().1, [two, one]);
    }

    #[test]
    fn a_journal_is_used_once_at_a_time_even_after_it_was_replaced() {
        let folder = Folder::new("locked");
        let path = folder.0.join("journal");
        let mut first = JournalFile::open(&path).unwrap();
        first.replace(&[]).unwrap();
        // By another name as well.
        let other = folder.0.join(".").join("journal");
        let error = JournalFile::open(other).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        assert!(error.to_string().contains("journal is in use"), "{error}");
        JournalFile::open(folder.0.join("another")).unwrap();
        drop(first);
        JournalFile::open(&path).unwrap();
    }
}
