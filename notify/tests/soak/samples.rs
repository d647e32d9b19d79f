//! What is measured: memory, descriptors and tasks of this process, rows of each table.

use jiff::Timestamp;
use rusqlite::Connection;
use std::path::Path;
use std::time::Instant;
use tokio::runtime::Handle;

/// What lasts for as long as its records: a row for each comment that somebody sends.
const GROWS: &str = "journal";

/// One figure over time.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) values: Vec<f64>,
    /// By how much the last third may lie above the middle one, beside a tenth of that.
    slack: f64,
}

pub(crate) struct Samples {
    database: Connection,
    begun: Instant,
    pub(crate) seconds: Vec<f64>,
    pub(crate) series: Vec<Series>,
}

/// What can be sent at the moment.
pub(crate) struct Waiting {
    pub(crate) to_send: i64,
}

impl Samples {
    pub(crate) fn new(database: &Path) -> Self {
        let database = Connection::open(database).unwrap();
        let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
        let mut tables = database.prepare(tables).unwrap();
        let names: Vec<String> = tables
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        drop(tables);
        let series = |name: &str, slack| Series {
            name: name.to_owned(),
            values: Vec::new(),
            slack,
        };
        let mut all = vec![
            series("MiB resident", 4.0),
            series("descriptors", 4.0),
            series("tasks", 8.0),
            series("delivered", f64::INFINITY),
        ];
        all.extend(names.iter().map(|name| match name.as_str() {
            GROWS => series(name, f64::INFINITY),
            _ => series(name, 50.0),
        }));
        Self {
            database,
            begun: Instant::now(),
            seconds: Vec::new(),
            series: all,
        }
    }

    /// Measures once.
    pub(crate) fn take(&mut self, delivered: u64) -> Waiting {
        self.seconds.push(self.begun.elapsed().as_secs_f64());
        let count =
            |sql: &str| -> i64 { self.database.query_row(sql, [], |row| row.get(0)).unwrap() };
        for series in &mut self.series {
            series.values.push(match series.name.as_str() {
                "MiB resident" => resident_mib(),
                "descriptors" => std::fs::read_dir("/proc/self/fd").unwrap().count() as f64,
                "tasks" => Handle::current().metrics().num_alive_tasks() as f64,
                "delivered" => delivered as f64,
                table => count(&format!("SELECT count(*) FROM \"{table}\"")) as f64,
            });
        }
        let events = count("SELECT count(*) FROM event WHERE state = 'ready'");
        let mails = "SELECT count(*) FROM delivery WHERE state IN ('ready', 'leased') AND coalesce(next_at, 0) <= ?1";
        let now = i64::try_from(Timestamp::now().as_nanosecond()).unwrap();
        let mails: i64 = self
            .database
            .query_row(mails, [now], |row| row.get(0))
            .unwrap();
        Waiting {
            to_send: 2 * events + mails,
        }
    }

    pub(crate) fn csv(&self) -> String {
        let names: Vec<&str> = self
            .series
            .iter()
            .map(|series| series.name.as_str())
            .collect();
        let mut out = format!("seconds,{}\n", names.join(","));
        for (at, seconds) in self.seconds.iter().enumerate() {
            let values: Vec<String> = self
                .series
                .iter()
                .map(|series| series.values[at].to_string())
                .collect();
            out += &format!("{seconds:.1},{}\n", values.join(","));
        }
        out
    }

    /// The comments that records have now.
    pub(crate) fn comments(&self) -> u64 {
        let sql = format!("SELECT count(*) FROM {GROWS}");
        let count: i64 = self.database.query_row(&sql, [], |row| row.get(0)).unwrap();
        count.unsigned_abs()
    }

    /// Whether each figure is flat; says so, one line a figure. `None` if there are too few to be told apart by thirds.
    pub(crate) fn verdict(&self) -> Option<bool> {
        if self.seconds.len() < 3 {
            return None;
        }
        let mut flat = true;
        for series in self.series.iter().filter(|series| series.slack.is_finite()) {
            let (middle, last) = series.thirds();
            let holds = last <= middle * 1.1 + series.slack;
            let verdict = if holds { "flat" } else { "NOT FLAT" };
            println!(
                "{:<18} middle third {middle:>9.1}  last third {last:>9.1}  {verdict}",
                series.name
            );
            flat &= holds;
        }
        Some(flat)
    }
}

impl Series {
    /// The medians of the middle third and of the last one; there are three values at least.
    fn thirds(&self) -> (f64, f64) {
        let third = self.values.len() / 3;
        let median = |values: &[f64]| {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted[sorted.len() / 2]
        };
        (
            median(&self.values[third..2 * third]),
            median(&self.values[2 * third..]),
        )
    }
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}
