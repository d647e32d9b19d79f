//! Kills the process under test at a numbered point, and keeps what its disk holds at that moment.
//!
//! What `kill -9` leaves behind is what was handed to the operating system: the database file and its write-ahead log,
//! as they are at that moment. They are copied for the next life, and everything else of the old one is dropped; what
//! it may still write goes into files that nobody reads.

use crate::rng::Rng;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// What the store is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Commit,
    Settle,
    Digest,
    Claim,
    Complete,
    /// Giving back what was claimed and not tried.
    Release,
    Pause,
    Trim,
    /// Storing fetched mail, and what fetching remembers.
    Fetch,
    /// Taking stored mail to process it.
    Take,
}

/// The kill points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// Before the transaction begins.
    Before(Op),
    /// While it is being written: a part of it is in the log.
    Torn(Op),
    /// After it was committed, before anybody was told.
    After(Op),
    MailAnswered,
    RcptAnswered,
    InsideData,
    /// The final dot is there, and nothing is stored yet.
    DotReceived,
    /// The mail is stored, and not answered.
    Stored,
    /// The mail is answered, and nobody has read it.
    DotAnswered,
    /// A part of the pages is in the database file.
    Checkpoint,
    /// The maildrop is listed, and something is asked of it.
    Listed,
    /// The same after a session that broke.
    Reconciled,
    InsideRetr,
    DeleReceived,
    DeleAnswered,
    QuitReceived,
    /// What was to be deleted is deleted, and QUIT is not answered.
    QuitObeyed,
    /// Never armed.
    Nowhere,
    /// Not killed: stopped before it can write down what it did, and let go when others have taken over.
    Stall,
}

impl Point {
    /// True for the points around what the store is doing.
    pub fn is_of(self, doing: Op) -> bool {
        matches!(self, Self::Before(op) | Self::Torn(op) | Self::After(op) if op == doing)
    }
}

/// Every point, with the name that the matrix of the design gives it.
pub const POINTS: &[(&str, Point)] = &[
    ("O1 event not begun", Point::Before(Op::Commit)),
    ("O1 event written, not committed", Point::Torn(Op::Commit)),
    (
        "O2 event committed, not acknowledged",
        Point::After(Op::Commit),
    ),
    ("O3 in the middle of matching", Point::Before(Op::Settle)),
    ("O3 matches written, not committed", Point::Torn(Op::Settle)),
    ("O4 matches committed", Point::After(Op::Settle)),
    ("O4 digest not begun", Point::Before(Op::Digest)),
    ("O4 digest written, not committed", Point::Torn(Op::Digest)),
    ("O4 digest committed", Point::After(Op::Digest)),
    ("O5 claim not begun", Point::Before(Op::Claim)),
    ("O5 claim written, not committed", Point::Torn(Op::Claim)),
    ("O6 claimed, attempts open", Point::After(Op::Claim)),
    ("O7 MAIL answered", Point::MailAnswered),
    ("O7 RCPT answered", Point::RcptAnswered),
    ("O8 inside DATA", Point::InsideData),
    ("O9 dot sent, mail not stored", Point::DotReceived),
    ("O9 dot sent, mail stored, not answered", Point::Stored),
    ("O10 250 written, not read", Point::DotAnswered),
    (
        "O10 250 read, not written down",
        Point::Before(Op::Complete),
    ),
    (
        "O10 completion written, not committed",
        Point::Torn(Op::Complete),
    ),
    ("O11 completion committed", Point::After(Op::Complete)),
    ("O11 not given back", Point::Before(Op::Release)),
    ("O11 given back, not committed", Point::Torn(Op::Release)),
    ("O11 pause not written", Point::Before(Op::Pause)),
    ("O12 in the middle of a checkpoint", Point::Checkpoint),
    ("O13 in the middle of retention", Point::Torn(Op::Trim)),
    ("O13 retention committed", Point::After(Op::Trim)),
    ("fence: stopped beyond its lease", Point::Stall),
];

/// What is to happen, and what has.
struct Plan {
    armed: Option<Point>,
    /// How many times the point is passed before it strikes.
    passes: usize,
    rng: Rng,
    folder: PathBuf,
    generation: u32,
    kills: u32,
}

pub struct Reaper {
    plan: Mutex<Plan>,
    /// Held while the disk is written to.
    disk: Mutex<()>,
    dead: AtomicBool,
    /// Rung at each death.
    bell: Notify,
}

impl Reaper {
    pub fn new(folder: &Path, armed: Point, mut rng: Rng) -> Arc<Self> {
        let drawn = rng.below(3);
        // A history has few digests.
        let passes = if armed.is_of(Op::Digest) { 0 } else { drawn };
        Arc::new(Self {
            plan: Mutex::new(Plan {
                armed: Some(armed),
                passes,
                rng,
                folder: folder.to_owned(),
                generation: 0,
                kills: 0,
            }),
            disk: Mutex::new(()),
            dead: AtomicBool::new(false),
            bell: Notify::new(),
        })
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }

    /// The database of this life.
    pub fn database(&self) -> PathBuf {
        let plan = self.plan();
        database(&plan.folder, plan.generation)
    }

    pub fn kills(&self) -> u32 {
        self.plan().kills
    }

    pub fn is_armed(&self) -> bool {
        self.plan().armed.is_some()
    }

    pub fn disarm(&self) {
        self.plan().armed = None;
    }

    /// Once more, at another point.
    pub fn arm(&self, point: Point) {
        let mut plan = self.plan();
        plan.passes = plan.rng.below(3);
        plan.armed = Some(point);
    }

    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::SeqCst)
    }

    /// True if it is time to die at this point.
    pub fn strikes(&self, point: Point) -> bool {
        let mut plan = self.plan();
        if plan.armed != Some(point) || self.is_dead() {
            return false;
        }
        if plan.passes > 0 {
            plan.passes -= 1;
            return false;
        }
        plan.armed = None;
        true
    }

    /// Nobody dies, from outside, in the middle of what is written meanwhile.
    pub fn writing(&self) -> MutexGuard<'_, ()> {
        self.disk.lock().unwrap()
    }

    /// Dies at this point if it is time to; for somebody who is not the one that dies.
    pub fn strikes_from_outside(&self, point: Point) -> bool {
        let _writing = self.writing();
        let strikes = self.strikes(point);
        if strikes {
            self.kill();
        }
        strikes
    }

    /// Dies with the disk as it is.
    pub fn kill(&self) {
        let database = self.database();
        let (data, log) = (read(&database), read(&wal(&database)));
        self.kill_with(&data, &log);
    }

    /// Dies with this on disk.
    pub fn kill_with(&self, data: &[u8], log: &[u8]) {
        let mut plan = self.plan();
        plan.generation += 1;
        plan.kills += 1;
        let next = database(&plan.folder, plan.generation);
        std::fs::write(&next, data).unwrap();
        std::fs::write(wal(&next), log).unwrap();
        self.dead.store(true, Ordering::SeqCst);
        self.bell.notify_one();
    }

    /// Dies with a part of what was written since `before` on disk: the log is written from front to back.
    pub fn kill_torn(&self, before: &[u8]) {
        let database = self.database();
        let after = read(&wal(&database));
        let same = |at: &usize| before.get(*at) == after.get(*at);
        let first = (0..after.len()).find(|at| !same(at)).unwrap_or(0);
        let last = (0..after.len()).rfind(|at| !same(at)).unwrap_or(0);
        let cut = first + self.plan().rng.below(last - first);
        let mut log = after.get(..cut).unwrap_or_default().to_vec();
        log.extend_from_slice(before.get(cut..).unwrap_or_default());
        self.kill_with(&read(&database), &log);
    }

    /// Dies in the middle of a checkpoint: some pages of `after` are in the file, in any order, and the log is whole.
    pub fn kill_in_checkpoint(&self, before: &[u8]) {
        const PAGE: usize = 4096;
        let database = self.database();
        let after = read(&database);
        let mut mixed = Vec::with_capacity(after.len());
        for (n, page) in after.chunks(PAGE).enumerate() {
            let old = before.get(n * PAGE..(n + 1) * PAGE);
            let keep = self.plan().rng.one_in(2);
            mixed.extend_from_slice(old.filter(|_| keep).unwrap_or(page));
        }
        self.kill_with(&mixed, &read(&wal(&database)));
    }

    /// Waits for the next death.
    pub async fn death(&self) {
        while !self.is_dead() {
            self.bell.notified().await;
        }
    }

    /// The next life begins.
    pub fn revive(&self) {
        self.dead.store(false, Ordering::SeqCst);
    }
}

fn database(folder: &Path, generation: u32) -> PathBuf {
    folder.join(format!("life-{generation}.db"))
}

pub fn wal(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// A file, or nothing where there is none.
pub fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_default()
}
