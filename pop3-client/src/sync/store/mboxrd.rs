use super::super::journal::{Lock, real_path, sync_folder_of};
use super::private::private;
use super::spool::Spool;
use super::{Arrived, Store};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Seek, SeekFrom, Write};
use std::path::{MAIN_SEPARATOR, PathBuf};
use std::time::Duration;

/// One mbox file in the mboxrd format: `From ` lines in front, LF line endings, `From ` inside a message quoted with `>`.
///
/// Before a group is appended, the length so far goes into `FILE.postrider-length`; after the commit that file is removed. If it is there
/// when the mbox is opened, a crash left half a group behind, and the mbox is cut back. What is cut off goes into
/// `FILE.postrider-cut` ([`salvaged`](Store::salvaged)): most of it is fetched again, but somebody else may have appended
/// since. While a sync runs, and while the mbox is opened, nobody else may append to it. A message that could not be written
/// whole is cut off at once, and a group that was not committed before the next one begins. A crash between commit and journal
/// entry stores that group again: mbox has no keys.
///
/// One of these has the file at a time: a lock in the folder `FILE.postrider-tmp` says so to others, in this process or
/// another one. Several mailboxes take turns. `FILE` is where a symbolic link leads, if the mbox is opened by one.
#[derive(Debug)]
pub struct Mboxrd {
    path: PathBuf,
    intent: PathBuf,
    cut: PathBuf,
    was_cut: bool,
    spool: Spool,
    mbox: Option<File>,
    /// Where a message begins that is not whole.
    half: Option<u64>,
    /// Where the last message ends that this has appended whole.
    end: u64,
    _lock: Lock,
}

impl Mboxrd {
    /// Stores into this file, which is made when the first message arrives.
    ///
    /// # Errors
    /// [`io::ErrorKind::ResourceBusy`] if it is open already, here or in another process. Otherwise if its folder cannot be
    /// written to, or a half-written group cannot be removed.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = real_path(path.into());
        let with_suffix = |suffix: &str| {
            let mut name = path.clone().into_os_string();
            name.push(suffix);
            PathBuf::from(name)
        };
        let spool = Spool::new(with_suffix(".postrider-tmp"))?;
        // Not `FILE.lock`: to other mail programs that is a lock by being there.
        let beside = format!(".postrider-tmp{MAIN_SEPARATOR}lock");
        let lock = Lock::acquire(&path, &beside, "mbox")?;
        spool.clean(Duration::ZERO);
        let mut store = Self {
            intent: with_suffix(".postrider-length"),
            cut: with_suffix(".postrider-cut"),
            was_cut: false,
            spool,
            mbox: None,
            half: None,
            end: 0,
            path,
            _lock: lock,
        };
        store.cut_back()?;
        Ok(store)
    }

    /// Removes what a group that was not committed left behind.
    fn cut_back(&mut self) -> io::Result<()> {
        let text = match fs::read_to_string(&self.intent) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        // An intent that is itself half written was never followed by an append.
        if let (Some(Ok(length)), true) =
            (text.strip_suffix('\n').map(str::parse), self.path.exists())
        {
            let mut mbox = OpenOptions::new().read(true).write(true).open(&self.path)?;
            let end = mbox.metadata()?.len();
            if end > length {
                // Where this has ended it itself, nothing is anybody else's.
                if end != self.end {
                    self.keep(&mut mbox, length)?;
                }
                mbox.set_len(length)?;
                mbox.sync_all()?;
            }
        }
        fs::remove_file(&self.intent)
    }

    /// Makes what stands from here on durable elsewhere.
    fn keep(&mut self, mbox: &mut File, from: u64) -> io::Result<()> {
        mbox.seek(SeekFrom::Start(from))?;
        let mut cut = private(OpenOptions::new().append(true).create(true)).open(&self.cut)?;
        if cut.metadata()?.len() > 0 {
            // What is there may end in the middle of a line.
            cut.write_all(b"\n\n")?;
        }
        io::copy(mbox, &mut cut)?;
        cut.sync_all()?;
        self.was_cut = true;
        sync_folder_of(&self.cut)
    }

    /// The mbox, open for a group; the length before it is durable.
    fn group(&mut self) -> io::Result<&mut File> {
        if self.mbox.is_none() {
            let mbox = private(OpenOptions::new().append(true).create(true)).open(&self.path)?;
            self.end = mbox.metadata()?.len();
            let mut intent = File::create(&self.intent)?;
            writeln!(intent, "{}", self.end)?;
            intent.sync_all()?;
            sync_folder_of(&self.path)?;
            self.mbox = Some(mbox);
        }
        self.mbox
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Mboxrd {
    /// Appends a message, and tells where. Of one that could not be written nothing stays.
    fn append(&mut self, message: &mut impl BufRead, at: u64) -> io::Result<u64> {
        self.cut_off_half()?;
        let offset = self.group()?.metadata()?.len();
        self.half = Some(offset);
        let mut out = BufWriter::new(self.group()?);
        let written = writeln!(out, "From MAILER-DAEMON {}", asctime(at))
            .and_then(|()| quote(message, &mut out))
            .and_then(|()| out.flush());
        // What it holds back is not worth another attempt.
        let _ = out.into_parts();
        match written {
            Ok(()) => {
                self.end = self.group()?.metadata()?.len();
                self.half = None;
            }
            // If even that fails, the commit does it, or fails as well.
            Err(_) => drop(self.cut_off_half()),
        }
        written.map(|()| offset)
    }

    fn cut_off_half(&mut self) -> io::Result<()> {
        if let (Some(offset), true) = (self.half, self.mbox.is_some()) {
            // What is open for appending cannot be cut on Windows.
            let mbox = OpenOptions::new().write(true).open(&self.path)?;
            mbox.set_len(offset)?;
        }
        self.half = None;
        Ok(())
    }
}

impl Store for Mboxrd {
    fn begin(&mut self) -> io::Result<()> {
        self.spool.begin()
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.spool.write(bytes)
    }

    fn finish(&mut self, message: &Arrived<'_>) -> io::Result<String> {
        let (mut file, path) = self.spool.take()?;
        let rewound = file.rewind();
        let offset = rewound.and_then(|()| self.append(&mut BufReader::new(file), message.at));
        // If it stays, it is removed when the mbox is opened again.
        let _ = fs::remove_file(path);
        Ok(offset?.to_string())
    }

    fn abort(&mut self) -> io::Result<()> {
        self.spool.abort()
    }

    fn commit(&mut self) -> io::Result<()> {
        self.cut_off_half()?;
        let Some(mbox) = &self.mbox else {
            return Ok(());
        };
        mbox.sync_all()?;
        fs::remove_file(&self.intent)?;
        self.mbox = None;
        sync_folder_of(&self.path)
    }

    fn recover(&mut self) -> io::Result<()> {
        self.spool.abort()?;
        (self.mbox, self.half) = (None, None);
        self.cut_back()
    }

    fn salvaged(&mut self) -> Option<PathBuf> {
        std::mem::take(&mut self.was_cut).then(|| self.cut.clone())
    }
}

/// Copies a message with LF line endings, `>*From ` quoted by one more `>`, and the blank line that ends it.
fn quote(message: &mut impl BufRead, out: &mut impl Write) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if message.read_until(b'\n', &mut line)? == 0 {
            return out.write_all(b"\n");
        }
        let text = postrider_wire::line::trim_ending(&line);
        let unquoted = text
            .iter()
            .position(|b| *b != b'>')
            .and_then(|at| text.get(at..))
            .unwrap_or_default();
        if unquoted.starts_with(b"From ") {
            out.write_all(b">")?;
        }
        out.write_all(text)?;
        out.write_all(b"\n")?;
    }
}

/// `Thu Jan  1 00:00:00 1970`, in UTC.
fn asctime(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb",
    ];
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March, in eras of 400 years, have their leap day at the end.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + u64::from(month >= 10);
    let name = |names: &'static [&'static str], at: u64| {
        usize::try_from(at)
            .ok()
            .and_then(|at| names.get(at))
            .copied()
            .unwrap_or_default()
    };
    let (weekday, month) = (name(&DAYS, days % 7), name(&MONTHS, month));
    format!(
        "{weekday} {month} {day:2} {:02}:{:02}:{:02} {year}",
        time / 3_600,
        time / 60 % 60,
        time % 60
    )
}

#[cfg(test)]
mod tests {
    use super::super::MessageKey;
    use super::*;
    use crate::sync::Digest;
    use std::path::Path;

    #[test]
    fn rfc4155_dates() {
        assert_eq!(asctime(0), "Thu Jan  1 00:00:00 1970");
        assert_eq!(asctime(951_782_400), "Tue Feb 29 00:00:00 2000");
        assert_eq!(asctime(1_700_000_000), "Tue Nov 14 22:13:20 2023");
        assert_eq!(asctime(4_107_542_399), "Sun Feb 28 23:59:59 2100");
        assert_eq!(asctime(4_107_542_400), "Mon Mar  1 00:00:00 2100");
    }

    #[test]
    fn from_lines_are_quoted_by_one_more_sign() {
        let mut out = Vec::new();
        quote(&mut &b"From x\r\n>From y\r\n>>Fromage\r\nend"[..], &mut out).unwrap();
        assert_eq!(out, b">From x\n>>From y\n>>Fromage\nend\n\n");
    }

    /// A disk that breaks in the middle of a message.
    struct Breaking<'a>(&'a [u8]);

    impl io::Read for Breaking<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(io::Error::other("the disk broke")),
                read => Ok(read),
            }
        }
    }

    /// An mbox in a folder of its own.
    fn opened(name: &str) -> (PathBuf, Mboxrd) {
        let name = format!("postrider-mboxrd-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        // The folder for temporary files may be a link.
        let folder = fs::canonicalize(folder).unwrap();
        let mbox = Mboxrd::open(folder.join("mbox")).unwrap();
        (folder, mbox)
    }

    fn broken(mbox: &mut Mboxrd) {
        // More than any buffer holds, so that something of it gets into the file.
        let text = b"line\r\n".repeat(50_000);
        let mut message = BufReader::new(Breaking(&text));
        let error = mbox.append(&mut message, 0).unwrap_err();
        assert_eq!(error.to_string(), "the disk broke");
    }

    const WHOLE: &str = "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\na\n\n";

    #[test]
    fn a_message_that_could_not_be_written_is_cut_off_and_the_others_are_committed() {
        let (folder, mut mbox) = opened("half");
        let text = || fs::read_to_string(folder.join("mbox")).unwrap();
        mbox.append(&mut &b"a\r\n"[..], 0).unwrap();
        broken(&mut mbox);
        mbox.commit().unwrap();
        assert_eq!(text(), WHOLE);
        // It goes on as if nothing had been.
        mbox.append(&mut &b"a\r\n"[..], 0).unwrap();
        mbox.commit().unwrap();
        assert_eq!(text(), WHOLE.repeat(2));
        assert!(!folder.join("mbox.postrider-length").exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_message_that_could_not_be_cut_off_at_once_is_before_anything_else() {
        let (folder, mut mbox) = opened("later");
        mbox.append(&mut &b"a\r\n"[..], 0).unwrap();
        let end = mbox.group().unwrap().metadata().unwrap().len();
        (mbox.half, _) = (Some(end), mbox.group().unwrap().write_all(b"From half"));
        mbox.commit().unwrap();
        assert_eq!(fs::read_to_string(folder.join("mbox")).unwrap(), WHOLE);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_group_that_was_not_committed_is_cut_back_when_the_next_sync_begins() {
        let (folder, mut mbox) = opened("group");
        mbox.append(&mut &b"a\r\n"[..], 0).unwrap();
        mbox.commit().unwrap();
        mbox.append(&mut &b"b\r\n"[..], 0).unwrap();
        broken(&mut mbox);
        mbox.recover().unwrap();
        assert_eq!(fs::read_to_string(folder.join("mbox")).unwrap(), WHOLE);
        assert_eq!(mbox.salvaged(), None, "all of it is fetched again");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_length_that_no_append_followed_takes_nothing_away_and_adds_nothing() {
        let (folder, mut mbox) = opened("length");
        mbox.append(&mut &b"a\r\n"[..], 0).unwrap();
        mbox.commit().unwrap();
        drop(mbox);
        let intent = folder.join("mbox.postrider-length");
        let length = WHOLE.len();
        let [same, longer] = [length, length + 9].map(|length| format!("{length}\n"));
        // Without its line ending it was half written.
        for text in ["", "1", &same, &longer] {
            fs::write(&intent, text).unwrap();
            let mut mbox = Mboxrd::open(folder.join("mbox")).unwrap();
            let left = fs::read_to_string(folder.join("mbox")).unwrap();
            assert_eq!(left, WHOLE, "{text:?}");
            assert_eq!(mbox.salvaged(), None, "{text:?}");
            assert!(!folder.join("mbox.postrider-cut").exists(), "{text:?}");
            assert!(!intent.exists(), "{text:?}");
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_mbox_is_not_stored_into_while_nobody_knows_whether_to_cut_it_back() {
        let (folder, mbox) = opened("unreadable");
        drop(mbox);
        fs::create_dir(folder.join("mbox.postrider-length")).unwrap();
        Mboxrd::open(folder.join("mbox")).unwrap_err();
        fs::remove_dir_all(&folder).unwrap();
    }

    /// A mail that another program appends.
    const THEIRS: &str = "From bob Thu Jan  1 00:00:00 1970\nc\n\n";

    fn theirs(folder: &Path) {
        let path = folder.join("mbox");
        let mut mbox = OpenOptions::new().append(true).open(path).unwrap();
        mbox.write_all(THEIRS.as_bytes()).unwrap();
    }

    #[test]
    fn what_somebody_appended_after_a_crash_is_kept_beside_the_mbox() {
        let (folder, mut mbox) = opened("appended");
        mbox.append(&mut &b"a\r\n"[..], 0).unwrap();
        mbox.commit().unwrap();
        mbox.append(&mut &b"a\r\n"[..], 0).unwrap();
        mbox.spool.begin().unwrap();
        // As if the process had ended: nothing is put in order.
        std::mem::forget(std::mem::replace(
            &mut mbox.spool,
            Spool::new(folder.join("other")).unwrap(),
        ));
        drop(mbox);
        theirs(&folder);
        let text = || fs::read_to_string(folder.join("mbox")).unwrap();
        assert_eq!(text(), format!("{WHOLE}{WHOLE}{THEIRS}"));

        let mut mbox = Mboxrd::open(folder.join("mbox")).unwrap();
        assert_eq!(text(), WHOLE);
        let cut = folder.join("mbox.postrider-cut");
        assert_eq!(mbox.salvaged().as_deref(), Some(&*cut));
        assert_eq!(mbox.salvaged(), None, "it is told once");
        let kept = || fs::read_to_string(&cut).unwrap();
        assert_eq!(kept(), format!("{WHOLE}{THEIRS}"));
        let left = fs::read_dir(folder.join("mbox.postrider-tmp")).unwrap();
        assert_eq!(left.count(), 1, "the lock");

        // It is the same where the process goes on.
        mbox.append(&mut &b"b\r\n"[..], 0).unwrap();
        theirs(&folder);
        mbox.recover().unwrap();
        assert_eq!(text(), WHOLE);
        let both = WHOLE.replace("\na\n", "\nb\n") + THEIRS;
        assert_eq!(kept(), format!("{WHOLE}{THEIRS}\n\n{both}"));
        assert_eq!(mbox.salvaged().as_deref(), Some(&*cut));
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_mbox_is_stored_into_by_one_at_a_time() {
        let (folder, mbox) = opened("locked");
        let error = Mboxrd::open(folder.join(".").join("mbox")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
        assert!(error.to_string().contains("mbox is in use"), "{error}");
        assert!(!folder.join("mbox.lock").exists());
        drop(mbox);
        Mboxrd::open(folder.join("mbox")).unwrap();
        fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn an_mbox_is_stored_into_by_one_at_a_time_also_through_a_link() {
        let (folder, mbox) = opened("link");
        let (path, link) = (folder.join("mbox"), folder.join("inbox"));
        std::os::unix::fs::symlink("mbox", &link).unwrap();
        // Before the first message has arrived, and after it.
        for _ in 0..2 {
            let error = Mboxrd::open(&link).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ResourceBusy);
            fs::write(&path, "").unwrap();
        }
        drop(mbox);
        let mut mbox = Mboxrd::open(&link).unwrap();
        mbox.append(&mut &b"a\r\n"[..], 0).unwrap();
        mbox.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), WHOLE);
        assert!(link.is_symlink());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn an_mbox_is_opened_again_by_its_canonical_path() {
        let (folder, mut mbox) = opened("canonical");
        mbox.append(&mut &b"a\r\n"[..], 0).unwrap();
        mbox.commit().unwrap();
        drop(mbox);
        // On Windows it is one in which `/` parts nothing.
        for path in [
            folder.join("mbox"),
            folder.join("mbox").canonicalize().unwrap(),
        ] {
            Mboxrd::open(path).unwrap();
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_message_that_could_not_be_appended_leaves_no_temporary_file() {
        let (folder, mut mbox) = opened("temporary");
        let content = Digest::of(&[b"x"]);
        let arrived = Arrived {
            key: MessageKey::new("ada", None, content),
            uid: None,
            octets: 1,
            content,
            at: 0,
        };
        // Where the mbox should be, there is a folder.
        fs::create_dir(folder.join("mbox")).unwrap();
        mbox.begin().unwrap();
        mbox.write(b"x").unwrap();
        mbox.finish(&arrived).unwrap_err();
        let left = fs::read_dir(folder.join("mbox.postrider-tmp")).unwrap();
        assert_eq!(left.count(), 1, "the lock");
        fs::remove_dir_all(&folder).unwrap();
    }
}
