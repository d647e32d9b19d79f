use super::super::crc::crc32;
use super::super::store::private::private;
use super::lock::{Lock, real_path};
use super::{Journal, JournalEntry};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where the bytes of a journal live. A file; in tests, something that can lose what was not synced.
pub(in super::super) trait Medium: Send {
    fn read_all(&mut self) -> io::Result<Vec<u8>>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    /// Keeps what cannot be read elsewhere, durable.
    fn set_aside(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Replaces everything at once: after a crash there is either the old or the new.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A journal in a file that is only ever appended to.
///
/// A line is `length crc32 entry LF`, length and CRC as eight hexadecimal digits each, by which it is known to be whole. What
/// stands behind the last whole line without an end was being written when the power went, and is dropped: nobody was
/// promised it. Whatever else is no whole line is damaged: it is kept in `FILE.damaged`, and the lines around it count. A
/// whole line that says what this version does not know was written by a later one: then the journal is not read, and stays
/// as it is.
///
/// The file is this process's own until this is dropped, or the process ends in whatever way: `FILE.lock` beside it says so
/// to others. That file stays, and says nothing by being there. New files are their owner's alone. `FILE` is where a symbolic
/// link leads, if the journal is opened by one.
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
        let path = real_path(path.into());
        let lock = Lock::acquire(&path, ".lock", "journal")?;
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

    fn salvaged(&mut self) -> Option<PathBuf> {
        self.lines.0.salvaged.take()
    }
}

/// A journal of lines in any medium.
#[derive(Debug)]
pub(in super::super) struct Lines<M>(pub(in super::super) M);

impl<M: Medium> Journal for Lines<M> {
    fn load(&mut self) -> io::Result<Vec<JournalEntry>> {
        let bytes = self.0.read_all()?;
        let (entries, damaged) = read(&bytes)?;
        let at = |range: &Range<usize>| bytes.get(range.clone()).unwrap_or_default();
        match damaged.as_slice() {
            [] => {}
            [tail] if tail.end == bytes.len() && !at(tail).contains(&b'\n') => {
                self.0.truncate(tail.start as u64)?;
                self.0.sync()?;
            }
            damaged => {
                let damaged: Vec<_> = damaged.iter().map(at).collect();
                self.0.set_aside(&damaged.concat())?;
                self.0.replace(text(&entries).as_bytes())?;
            }
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

/// The entries that are whole, and where there are none.
///
/// # Errors
/// If one is whole and cannot be read.
fn read(bytes: &[u8]) -> io::Result<(Vec<JournalEntry>, Vec<Range<usize>>)> {
    let (mut entries, mut damaged, mut at) = (Vec::new(), Vec::new(), 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let length = match first_line(rest) {
            Some(entry) => {
                entries.push(known(entry)?);
                PREFIX + entry.len() + 1
            }
            None => {
                let length = before_a_line(rest);
                damaged.push(at..at + length);
                length
            }
        };
        at += length;
    }
    Ok((entries, damaged))
}

/// The octets before the next line that is whole.
fn before_a_line(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes)
        .map(|end| end + 1)
        .find(|start| bytes.get(*start..).and_then(first_line).is_some())
        .unwrap_or(bytes.len())
}

/// What a whole line says.
fn known(entry: &[u8]) -> io::Result<JournalEntry> {
    let entry = std::str::from_utf8(entry).ok();
    entry.and_then(|entry| entry.parse().ok()).ok_or_else(|| {
        let what = "this journal was written by a later version, and is left as it is";
        io::Error::new(io::ErrorKind::InvalidData, what)
    })
}

/// Octets before the entry: two numbers and two blanks.
const PREFIX: usize = 18;

/// The entry of the line at the front, if that is whole.
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let prefix = std::str::from_utf8(bytes.get(..PREFIX)?).ok()?;
    let (length, crc) = prefix.trim_end().split_once(' ')?;
    let length = usize::from_str_radix(length, 16).ok()?;
    let crc = u32::from_str_radix(crc, 16).ok()?;
    let end = PREFIX.checked_add(length)?;
    let entry = bytes.get(PREFIX..end)?;
    (bytes.get(end) == Some(&b'\n') && crc32(entry) == crc).then_some(entry)
}

#[derive(Debug)]
struct FileMedium {
    file: File,
    path: PathBuf,
    /// Where something was set aside that nobody has been told of.
    salvaged: Option<PathBuf>,
}

impl FileMedium {
    fn open(path: PathBuf) -> io::Result<Self> {
        let new = !path.exists();
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        let file = private(&mut options).open(&path)?;
        if new {
            sync_folder_of(&path)?;
        }
        Ok(Self {
            file,
            path,
            salvaged: None,
        })
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(suffix);
        PathBuf::from(name)
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
        // What is open for appending cannot be cut on Windows.
        let file = OpenOptions::new().write(true).open(&self.path)?;
        file.set_len(length)
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn set_aside(&mut self, bytes: &[u8]) -> io::Result<()> {
        let path = self.beside(".damaged");
        let mut file = private(OpenOptions::new().append(true).create(true)).open(&path)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        sync_folder_of(&path)?;
        self.salvaged = Some(path);
        Ok(())
    }

    fn replace(&mut self, bytes: &[u8]) -> io::Result<()> {
        let temporary = self.beside(".new");
        // A crash may have left one.
        let _ = std::fs::remove_file(&temporary);
        let mut options = OpenOptions::new();
        options.read(true).append(true).create_new(true);
        let mut file = private(&mut options).open(&temporary)?;
        // Whoever may read the old one may read the new one.
        file.set_permissions(self.file.metadata()?.permissions())?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, &self.path)?;
        // Whatever fails from here on, the old one has no name any more.
        self.file = file;
        sync_folder_of(&self.path)
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
            let (read, damaged) = read(&bytes[..cut]).unwrap();
            let lines = bytes[..cut].iter().filter(|b| **b == b'\n').count();
            assert_eq!(read, entries[..lines]);
            let whole = text(&read).len();
            let tail = (whole < cut).then_some(whole..cut);
            assert_eq!(damaged, tail.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_changed_octet_is_found_and_costs_no_line_but_its_own() {
        let (entries, bytes) = three();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let (read, damaged) = read(&changed).unwrap();
            let line = bytes[..at].iter().filter(|b| **b == b'\n').count();
            // A line without its end has none but that of the next one.
            let lost = line..=line + usize::from(bytes[at] == b'\n');
            let lines = entries.iter().enumerate();
            let kept = lines.filter(|(number, _)| !lost.contains(number));
            let kept: Vec<_> = kept.map(|(_, entry)| entry.clone()).collect();
            let shown = String::from_utf8_lossy(&changed);
            assert_eq!(read, kept, "octet {at} of {shown:?}");
            assert_eq!(damaged.len(), 1, "octet {at} of {shown:?}");
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
        let aside = folder.0.join("journal.damaged");
        assert!(!aside.exists(), "what has no end was promised to nobody");
    }

    #[test]
    fn what_is_damaged_in_a_journal_is_kept_beside_it_and_all_else_counts() {
        let folder = Folder::new("damaged");
        let path = folder.0.join("journal");
        let (entries, bytes) = three();
        let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
        let damaged = String::from_utf8_lossy(lines[1]).replace("committed", "comnitted");
        let torn = &lines[0][..9];
        let written = [lines[0], damaged.as_bytes(), lines[2], torn].concat();
        std::fs::write(&path, written).unwrap();
        let kept = [entries[0].clone(), entries[2].clone()];
        for is_news in [true, false] {
            let mut journal = JournalFile::open(&path).unwrap();
            assert_eq!(journal.load().unwrap(), kept);
            let told = [journal.salvaged(), journal.salvaged()];
            assert_eq!(told.map(|path| path.is_some()), [is_news, false]);
            let aside = std::fs::read(folder.0.join("journal.damaged")).unwrap();
            assert_eq!(aside, [damaged.as_bytes(), torn].concat());
            let left = std::fs::read(&path).unwrap();
            assert_eq!(left, [lines[0], lines[2]].concat());
        }
        // What has an end was not being written, whatever it is.
        std::fs::write(&path, "From MAILER-DAEMON\n").unwrap();
        let mut journal = JournalFile::open(&path).unwrap();
        assert!(journal.load().unwrap().is_empty());
        let aside = std::fs::read_to_string(folder.0.join("journal.damaged")).unwrap();
        assert!(aside.ends_with("From MAILER-DAEMON\n"), "{aside}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_system_does_not_sync_is_not_committed() {
        // It takes what is written, and cannot be synced.
        let medium = FileMedium::open(PathBuf::from("/dev/null")).unwrap();
        let entries = [JournalEntry(Record::TopBroken)];
        assert!(Lines(medium).commit(&entries).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_name_is_durable_in_a_folder_that_is_there_and_without_one_in_the_working_folder() {
        let folder = Folder::new("names");
        let nowhere = folder.0.join("nowhere");
        assert!(sync_folder(&nowhere).is_err());
        assert!(sync_folder_of(&nowhere.join("journal")).is_err());
        sync_folder_of(&folder.0.join("journal")).unwrap();
        sync_folder_of(Path::new("journal")).unwrap();
    }

    #[test]
    fn a_journal_of_a_later_version_is_refused_and_left_as_it_is() {
        let folder = Folder::new("newer");
        let path = folder.0.join("journal");
        let later = "moved 1 elsewhere";
        let line = format!(
            "{:08x} {:08x} {later}\n",
            later.len(),
            crc32(later.as_bytes())
        );
        let (_, bytes) = three();
        let written = [&bytes[..], line.as_bytes(), &bytes, b"0000000a 12"].concat();
        std::fs::write(&path, &written).unwrap();
        let error = JournalFile::open(&path).unwrap().load().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("later version"), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), written);
        assert!(!folder.0.join("journal.damaged").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_journal_is_its_owners_alone_unless_somebody_has_let_others_in() {
        use std::os::unix::fs::PermissionsExt;
        let folder = Folder::new("private");
        let path = folder.0.join("journal");
        let mode = |name: &str| {
            let about = std::fs::metadata(folder.0.join(name)).unwrap();
            about.permissions().mode() & 0o777
        };
        let mut journal = JournalFile::open(&path).unwrap();
        std::fs::write(folder.0.join("journal.new"), "left by a crash").unwrap();
        journal.replace(&[]).unwrap();
        journal.lines.0.set_aside(b"x").unwrap();
        for name in ["journal", "journal.lock", "journal.damaged"] {
            assert_eq!(mode(name) & 0o177, 0, "{name}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        journal.replace(&[]).unwrap();
        assert_eq!(mode("journal"), 0o640);
        assert!(!folder.0.join("journal.new").exists());
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

    #[cfg(unix)]
    #[test]
    fn a_journal_is_used_once_at_a_time_also_through_a_link_and_the_link_stays() {
        let folder = Folder::new("linked");
        let (path, link) = (folder.0.join("journal"), folder.0.join("link"));
        // It leads to another link, and that one to what is not there yet.
        std::os::unix::fs::symlink("between", &link).unwrap();
        std::os::unix::fs::symlink("journal", folder.0.join("between")).unwrap();
        let mut first = JournalFile::open(&link).unwrap();
        first.replace(&[]).unwrap();
        assert!(link.is_symlink() && path.is_file() && !path.is_symlink());
        for name in [&path, &link] {
            let error = JournalFile::open(name).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        }
    }
}
