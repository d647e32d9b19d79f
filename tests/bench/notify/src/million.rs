//! The log after a million mails: what the commands that read it take, as whole processes.

use crate::desk::Desk;
use crate::said;
use rusqlite::{Connection, params};
use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Rows of the email log.
pub const ROWS: i64 = 1_000_000;

/// Rows of the inbound log.
const INBOUND: i64 = 100_000;

/// Events about each record.
const EVENTS: i64 = 5;

/// When the first event was, and how long after it the next; nanoseconds since 1970 in UTC.
const FIRST: i64 = 1_790_000_000_000_000_000;
const APART: i64 = 500_000_000;

/// What is asked, and the words for it.
pub const QUESTIONS: &[(&str, &[&str])] = &[
    ("log", &["log"]),
    ("log --state failed", &["log", "--state", "failed"]),
    ("log --record", &["log", "--record", "incident/INC0100000"]),
    ("log --to", &["log", "--to", "recipient7@example.net"]),
    ("log --where state", &["log", "--where", "state=failed^textLIKEno such user"]),
    ("log --where number", &["log", "--where", "subjectLIKEPrinter^recipientENDSWITH@example.net"]),
    ("log show", &["log", "show", "500000"]),
    ("explain EVENT", &["explain", "500000"]),
    ("explain --record", &["explain", "--record", "incident/INC0100000"]),
    ("queue list", &["queue", "list"]),
    ("inbound list", &["inbound", "list"]),
];

/// A desk whose database is full.
#[derive(Debug)]
pub struct Million {
    desk: Desk,
    postrider: PathBuf,
}

impl Million {
    /// Fills a database.
    ///
    /// # Errors
    /// If the program was not built, or the disk is full.
    pub fn fill() -> Result<Self, String> {
        let postrider = env::var_os("POSTRIDER").ok_or("POSTRIDER does not name the program")?;
        let million = Self { desk: Desk::new("million", 25)?, postrider: postrider.into() };
        // The program makes the tables.
        million.ask(&["log"])?;
        fill(&million.desk.path("desk.db")).map_err(said)?;
        Ok(million)
    }

    /// Runs the program and gives the milliseconds that it took from its start to its end.
    ///
    /// # Errors
    /// If it fails.
    pub fn ask(&self, words: &[&str]) -> Result<f64, String> {
        let mut command = Command::new(&self.postrider);
        command.arg("--config").arg(self.desk.path("postrider.toml")).args(words);
        let start = Instant::now();
        let output = command.stdin(Stdio::null()).output().map_err(said)?;
        let taken = start.elapsed();
        if !output.status.success() {
            return Err(format!("{words:?}: {}", String::from_utf8_lossy(&output.stderr)));
        }
        Ok(taken.as_secs_f64() * 1e3)
    }
}

/// Every row as the daemon would have left it: one mail in a hundred failed, one in two hundred waits.
fn fill(database: &std::path::Path) -> rusqlite::Result<()> {
    let connection = Connection::open(database)?;
    connection
        .execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; BEGIN")?;
    // Sorted at the end, an index is made in a fraction of the time.
    let indexes = indexes(&connection)?;
    for (name, _) in &indexes {
        connection.execute_batch(&format!("DROP INDEX {name}"))?;
    }
    for (sql, rows) in TABLES {
        let numbers = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)";
        let (insert, select) = sql.split_once("SELECT").unwrap_or((sql, ""));
        let sql = format!("{insert} {numbers} SELECT {select} FROM number");
        let mut insert = connection.prepare(&sql)?;
        match insert.parameter_count() {
            1 => insert.execute([rows])?,
            3 => insert.execute(params![rows, FIRST, APART])?,
            _ => insert.execute(params![rows, FIRST, APART, EVENTS])?,
        };
    }
    for (_, sql) in &indexes {
        connection.execute_batch(sql)?;
    }
    connection.execute_batch("COMMIT; PRAGMA journal_mode = WAL")
}

fn indexes(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL";
    connection.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

const TABLES: &[(&str, i64)] = &[
    (
        "INSERT INTO event (id, name, kind, table_name, record_id, parm1, parm2, actor, created, due_at, state)
         SELECT n, 'incident.escalated', 'fired', 'incident', printf('INC%07d', n / ?4),
                'recipient' || (n % 50000) || '@example.net', '', 'grace', ?2 + n * ?3, 0, 'done'",
        ROWS,
    ),
    (
        "INSERT INTO event_fields (id, current, previous)
         SELECT n, json_object('id', printf('INC%07d', n / ?4), 'number', printf('INC%07d', n / ?4),
                               'short_description', 'Printer ' || n || ' on fire', 'priority', 1,
                               'opened_by', 'Grace Hopper', 'opened', ?2 + n * ?3), '{}'",
        ROWS,
    ),
    (
        "INSERT INTO match (id, event_id, notification, verdict, detail)
         SELECT n, (n + 1) / 2, iif(n % 2, 'escalated', 'minor'), iif(n % 2, 'matched', 'condition_false'),
                iif(n % 2, '`priority<=2` holds: priority is 1', '`priority>2` is false: priority is 1')",
        2 * ROWS,
    ),
    (
        "INSERT INTO recipient_verdict (id, match_id, address, via, verdict, detail)
         SELECT n, 2 * n - 1, 'recipient' || (n % 50000) || '@example.net', 'parm1', 'queued', ''",
        ROWS,
    ),
    (
        "INSERT INTO message (id, match_id, event_id, message_id, sender, recipient, subject, table_name, record_id, created, raw)
         SELECT n, 2 * n - 1, n, n || '.' || lower(hex(randomblob(10))) || '@example.org', 'desk@example.org',
                'recipient' || (n % 50000) || '@example.net', printf('INC%07d: Printer %d on fire', n / ?4, n),
                'incident', printf('INC%07d', n / ?4), ?2 + n * ?3,
                CAST('Subject: Printer on fire' || char(13, 10, 13, 10) || hex(zeroblob(400)) AS BLOB)",
        ROWS,
    ),
    (
        "INSERT INTO delivery (id, account, thread, created, state, next_at, expires, attempts, lease_epoch)
         SELECT n, 'main', printf('incident/INC%07d recipient%d@example.net', n / ?4, n % 50000), ?2 + n * ?3,
                CASE WHEN n % 100 = 0 THEN 'failed' WHEN n % 200 = 1 THEN 'deferred' ELSE 'delivered' END,
                iif(n % 200 = 1, ?2 + n * ?3, 0), ?2 + n * ?3 + 432000000000000, 1, 1",
        ROWS,
    ),
    (
        "INSERT INTO attempt (id, delivery_id, n, owner, started, ended, outcome, peer, stage, code, enhanced, text)
         SELECT n, n, 1, '1/main', ?2 + n * ?3, ?2 + n * ?3 + 1000000,
                CASE WHEN n % 100 = 0 THEN 'failed' WHEN n % 200 = 1 THEN 'deferred' ELSE 'delivered' END,
                '127.0.0.1:25', iif(n % 100 = 0, 'rcpt', 'dot'),
                CASE WHEN n % 100 = 0 THEN 550 WHEN n % 200 = 1 THEN 451 ELSE 250 END, '',
                CASE WHEN n % 100 = 0 THEN 'no such user' WHEN n % 200 = 1 THEN 'try again' ELSE '2.0.0 Ok' END",
        ROWS,
    ),
    (
        "INSERT INTO inbound (id, account, uidl, sha256, message_id, sender, subject, received, attempts, state, class, action)
         SELECT n, 'box', 'u' || n, hex(randomblob(32)), n || '@example.net', 'Ada <ada@example.net>', 'Re: Printer ' || n,
                ?2 + n * ?3, 1, 'processed', 'new', 'create'",
        INBOUND,
    ),
    ("INSERT INTO inbound_raw (id, raw) SELECT n, CAST(hex(zeroblob(400)) AS BLOB)", INBOUND),
];
