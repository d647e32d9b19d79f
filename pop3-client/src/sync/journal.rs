use super::crc::crc32;
use super::record::Record;
use std::fmt::Display;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Where the bytes of a journal live. A file; in tests, something that can lose what was not synced.
pub(super) trait Medium {
    fn read_all(&mut self) -> io::Result<Vec<u8>>;
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    /// Replaces everything at once: after a crash there is either the old or the new.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// What happened to each message: a file that is only ever appended to.
///
/// A line is `length crc32 record LF`, length and CRC as eight hexadecimal digits each. A line that was half written
/// when the power went is found by them, and dropped with everything after it: nothing after it was promised.
#[derive(Debug)]
pub(super) struct Journal<M> {
    medium: M,
    unwritten: String,
}

impl<M: Medium> Journal<M> {
    /// Opens a journal: its records, and how many octets at its end were not whole.
    pub(super) fn open(mut medium: M) -> io::Result<(Self, Vec<Record>, u64)> {
        let bytes = medium.read_all()?;
        let (records, whole) = read(&bytes);
        let torn = (bytes.len() - whole) as u64;
        if torn > 0 {
            medium.truncate(whole as u64)?;
            medium.sync()?;
        }
        Ok((
            Self {
                medium,
                unwritten: String::new(),
            },
            records,
            torn,
        ))
    }

    /// Adds a record; it is durable after the next [`commit`](Self::commit).
    pub(super) fn append(&mut self, record: &dyn Display) {
        line(record, &mut self.unwritten);
    }

    /// Makes everything appended durable.
    pub(super) fn commit(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        self.medium.append(self.unwritten.as_bytes())?;
        self.unwritten.clear();
        self.medium.sync()
    }

    /// Replaces the whole journal by these records.
    pub(super) fn rewrite<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> io::Result<()> {
        let mut text = String::new();
        records
            .into_iter()
            .for_each(|record| line(record, &mut text));
        self.medium.replace(text.as_bytes())
    }
}

fn line(record: &dyn Display, text: &mut String) {
    let record = record.to_string();
    let crc = crc32(record.as_bytes());
    text.push_str(&format!("{:08x} {crc:08x} {record}\n", record.len()));
}

/// The records at the front that are whole, and how many octets they take.
fn read(bytes: &[u8]) -> (Vec<Record>, usize) {
    let (mut records, mut at) = (Vec::new(), 0);
    while let Some((record, length)) = bytes.get(at..).and_then(first_line) {
        records.push(record);
        at += length;
    }
    (records, at)
}

/// Octets before the record: two numbers and two blanks.
const PREFIX: usize = 18;

fn first_line(bytes: &[u8]) -> Option<(Record, usize)> {
    let prefix = std::str::from_utf8(bytes.get(..PREFIX)?).ok()?;
    let (length, crc) = prefix.trim_end().split_once(' ')?;
    let length = usize::from_str_radix(length, 16).ok()?;
    let crc = u32::from_str_radix(crc, 16).ok()?;
    let end = PREFIX.checked_add(length)?;
    let record = bytes.get(PREFIX..end)?;
    if bytes.get(end) != Some(&b'\n') || crc32(record) != crc {
        return None;
    }
    Some((Record::parse(std::str::from_utf8(record).ok()?)?, end + 1))
}

/// A journal in a file.
#[derive(Debug)]
pub(super) struct FileMedium {
    file: File,
    path: PathBuf,
}

impl FileMedium {
    /// Opens the file, or creates it in a folder that is there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let new = !path.exists();
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)?;
        if new {
            sync_folder_of(path)?;
        }
        Ok(Self {
            file,
            path: path.to_owned(),
        })
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
pub(super) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    sync_folder(folder.unwrap_or(Path::new(".")))
}

/// Makes the names in a folder durable. Only Unix can, and only Unix needs to.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Vec<Record>, Vec<u8>) {
        let records = vec![
            Record::DelePending(1),
            Record::Committed(1, 2),
            Record::TopBroken,
        ];
        let mut text = String::new();
        records.iter().for_each(|record| line(record, &mut text));
        (records, text.into_bytes())
    }

    #[test]
    fn a_journal_cut_at_any_octet_gives_the_whole_records_before_the_cut() {
        let (records, bytes) = three();
        for cut in 0..=bytes.len() {
            let (read, whole) = read(&bytes[..cut]);
            let lines = bytes[..cut].iter().filter(|b| **b == b'\n').count();
            assert_eq!(read, records[..lines]);
            assert!(whole <= cut);
        }
    }

    #[test]
    fn a_changed_octet_is_found() {
        let (records, bytes) = three();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let (read, _) = read(&changed);
            assert!(
                read.len() < records.len(),
                "octet {at} of {:?}",
                String::from_utf8_lossy(&changed)
            );
            assert_eq!(read, records[..read.len()]);
        }
    }

    #[test]
    fn a_file_is_appended_to_repaired_and_replaced() {
        let folder = std::env::temp_dir().join(format!("postrider-journal-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("journal");
        let open = || Journal::open(FileMedium::open(&path).unwrap()).unwrap();

        let (mut journal, records, torn) = open();
        assert_eq!((records.len(), torn), (0, 0));
        journal.append(&Record::DelePending(1));
        journal.commit().unwrap();
        OpenOptions::new()
            .append(true)
            .open(&path)
            .unwrap()
            .write_all(b"0000000a 12")
            .unwrap();

        let (mut journal, records, torn) = open();
        assert_eq!((records, torn), (vec![Record::DelePending(1)], 11));
        journal.append(&Record::TopBroken);
        journal.commit().unwrap();
        let (mut journal, records, torn) = open();
        assert_eq!((records.len(), torn), (2, 0));

        journal.rewrite([&Record::TopBroken]).unwrap();
        journal.append(&Record::DelePending(2));
        journal.commit().unwrap();
        assert_eq!(open().1, [Record::TopBroken, Record::DelePending(2)]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
