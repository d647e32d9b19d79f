//! The tables, and how a database of an older version gets them.
//!
//! Moments are nanoseconds since 1970 in UTC; 0 in `due_at` and `next_at` means at once, whatever the clock says.

use super::fault::Fault;
use crate::store::StoreError;
use rusqlite::{Connection, TransactionBehavior};

/// Tells a Postrider database from any other SQLite file (`PRAGMA application_id`): the letters "Post".
const APPLICATION_ID: i64 = 0x506f_7374;

/// Each entry takes the database from version n to n + 1 (`PRAGMA user_version`). Entries are only ever added.
pub(super) const MIGRATIONS: [&str; 13] = [
    VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5, VERSION_6, VERSION_7, VERSION_8,
    VERSION_9, VERSION_10, VERSION_11, VERSION_12, VERSION_13,
];

const VERSION_1: &str = "
CREATE TABLE record (
  table_name TEXT NOT NULL,
  id         TEXT NOT NULL,
  fields     TEXT NOT NULL,
  created    INTEGER NOT NULL,
  updated    INTEGER NOT NULL,
  PRIMARY KEY (table_name, id)
);
CREATE INDEX user_email ON record (lower(json_extract(fields, '$.email'))) WHERE table_name = 'user';
CREATE INDEX group_member_group ON record (lower(json_extract(fields, '$.group'))) WHERE table_name = 'group_member';
CREATE INDEX group_member_user ON record (lower(json_extract(fields, '$.user'))) WHERE table_name = 'group_member';

CREATE TABLE numbering (
  table_name TEXT PRIMARY KEY,
  last       INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE journal (
  id         INTEGER PRIMARY KEY,
  table_name TEXT NOT NULL,
  record_id  TEXT NOT NULL,
  field      TEXT NOT NULL,
  text       TEXT NOT NULL,
  author     TEXT NOT NULL,
  created    INTEGER NOT NULL
);
CREATE INDEX journal_record ON journal (table_name, record_id, id);

CREATE TABLE event (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT NOT NULL,
  kind       TEXT NOT NULL,
  table_name TEXT,
  record_id  TEXT,
  parm1      TEXT NOT NULL,
  parm2      TEXT NOT NULL,
  actor      TEXT NOT NULL,
  current    TEXT NOT NULL,
  previous   TEXT NOT NULL,
  idem_key   TEXT UNIQUE,
  created    INTEGER NOT NULL,
  due_at     INTEGER NOT NULL,
  state      TEXT NOT NULL DEFAULT 'ready',
  error      TEXT
);
CREATE INDEX event_due ON event (due_at, id) WHERE state = 'ready';
CREATE INDEX event_record ON event (table_name, record_id, id);
CREATE INDEX event_created ON event (created) WHERE state <> 'ready';

CREATE TABLE match (
  id           INTEGER PRIMARY KEY,
  event_id     INTEGER NOT NULL REFERENCES event ON DELETE CASCADE,
  notification TEXT NOT NULL,
  verdict      TEXT NOT NULL,
  detail       TEXT NOT NULL
);
CREATE INDEX match_event ON match (event_id, id);

CREATE TABLE recipient_verdict (
  id       INTEGER PRIMARY KEY,
  match_id INTEGER NOT NULL REFERENCES match ON DELETE CASCADE,
  address  TEXT NOT NULL,
  via      TEXT NOT NULL,
  verdict  TEXT NOT NULL,
  detail   TEXT NOT NULL
);
CREATE INDEX recipient_verdict_match ON recipient_verdict (match_id, id);

CREATE TABLE message (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  match_id   INTEGER NOT NULL,
  event_id   INTEGER NOT NULL REFERENCES event ON DELETE CASCADE,
  message_id TEXT NOT NULL UNIQUE,
  sender     TEXT NOT NULL,
  recipient  TEXT NOT NULL,
  subject    TEXT NOT NULL,
  table_name TEXT,
  record_id  TEXT,
  created    INTEGER NOT NULL,
  raw        BLOB NOT NULL
);
CREATE INDEX message_event ON message (event_id, id);
CREATE INDEX message_record ON message (table_name, record_id, id);
CREATE INDEX message_recipient ON message (recipient COLLATE NOCASE, id);

CREATE TABLE delivery (
  id          INTEGER PRIMARY KEY REFERENCES message ON DELETE CASCADE,
  account     TEXT NOT NULL,
  thread      TEXT,
  created     INTEGER NOT NULL,
  state       TEXT NOT NULL,
  reason      TEXT NOT NULL DEFAULT '',
  next_at     INTEGER NOT NULL,
  waits_for   INTEGER,
  expires     INTEGER NOT NULL,
  attempts    INTEGER NOT NULL DEFAULT 0,
  crashes     INTEGER NOT NULL DEFAULT 0,
  lives       INTEGER NOT NULL DEFAULT 1,
  lease_owner TEXT,
  lease_epoch INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX delivery_due ON delivery (account, next_at, id)
  WHERE state IN ('ready','leased','deferred','unknown');
CREATE INDEX delivery_state ON delivery (state, id)
  WHERE state IN ('ready','deferred','unknown','failed','dead','cancelled');
CREATE INDEX delivery_thread ON delivery (thread, id) WHERE state IN ('leased','deferred','unknown');
CREATE INDEX delivery_waits ON delivery (waits_for) WHERE waits_for IS NOT NULL;

CREATE TABLE attempt (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  delivery_id INTEGER NOT NULL REFERENCES delivery ON DELETE CASCADE,
  n           INTEGER NOT NULL,
  owner       TEXT NOT NULL,
  started     INTEGER NOT NULL,
  ended       INTEGER,
  outcome     TEXT NOT NULL DEFAULT '',
  late        INTEGER NOT NULL DEFAULT 0,
  peer        TEXT NOT NULL DEFAULT '',
  tls         TEXT NOT NULL DEFAULT '',
  stage       TEXT NOT NULL DEFAULT '',
  code        INTEGER NOT NULL DEFAULT 0,
  enhanced    TEXT NOT NULL DEFAULT '',
  text        TEXT NOT NULL DEFAULT ''
);
CREATE UNIQUE INDEX attempt_delivery ON attempt (delivery_id, n);

CREATE TABLE inbound (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  account    TEXT NOT NULL,
  uidl       TEXT,
  sha256     TEXT NOT NULL,
  message_id TEXT,
  sender     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  received   INTEGER NOT NULL,
  attempts   INTEGER NOT NULL DEFAULT 0,
  next_at    INTEGER NOT NULL DEFAULT 0,
  state      TEXT NOT NULL DEFAULT 'ready',
  class      TEXT,
  matched_by TEXT NOT NULL DEFAULT '',
  table_name TEXT,
  record_id  TEXT,
  reason     TEXT NOT NULL DEFAULT '',
  action     TEXT,
  raw        BLOB NOT NULL
);
CREATE INDEX inbound_due ON inbound (next_at, id) WHERE state IN ('ready','error');
CREATE INDEX inbound_sha256 ON inbound (sha256, message_id);
CREATE INDEX inbound_received ON inbound (received) WHERE state IN ('processed','ignored');

CREATE TABLE seen_uidl (
  account    TEXT NOT NULL,
  uidl       TEXT NOT NULL,
  inbound_id INTEGER NOT NULL,
  stored_at  INTEGER NOT NULL,
  PRIMARY KEY (account, uidl)
) WITHOUT ROWID;

CREATE TABLE account_state (
  account  TEXT PRIMARY KEY,
  until    INTEGER NOT NULL,
  reason   TEXT NOT NULL,
  failures INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE suppression (
  address TEXT NOT NULL COLLATE NOCASE,
  account TEXT NOT NULL,
  reason  TEXT NOT NULL,
  detail  TEXT NOT NULL,
  since   INTEGER NOT NULL,
  until   INTEGER,
  hits    INTEGER NOT NULL,
  PRIMARY KEY (address, account)
) WITHOUT ROWID;

CREATE TABLE setting (
  name  TEXT PRIMARY KEY,
  value BLOB NOT NULL
) WITHOUT ROWID;
";

/// Attachments of records; what processing of inbound mail said and whether it ended; deliveries that bounced.
const VERSION_2: &str = "
CREATE TABLE blob (
  sha256  TEXT PRIMARY KEY NOT NULL,
  content BLOB NOT NULL
);
CREATE TABLE attachment (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  table_name TEXT NOT NULL,
  record_id  TEXT NOT NULL,
  name       TEXT NOT NULL,
  media_type TEXT NOT NULL,
  size       INTEGER NOT NULL,
  sha256     TEXT NOT NULL REFERENCES blob,
  author     TEXT NOT NULL,
  created    INTEGER NOT NULL
);
CREATE INDEX attachment_record ON attachment (table_name, record_id, id);
CREATE INDEX attachment_sha256 ON attachment (sha256);

ALTER TABLE inbound ADD COLUMN author TEXT NOT NULL DEFAULT '' COLLATE NOCASE;
ALTER TABLE inbound ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbound ADD COLUMN crashes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE inbound ADD COLUMN verdicts TEXT NOT NULL DEFAULT '';
CREATE INDEX inbound_author ON inbound (author, received) WHERE state = 'processed';
CREATE INDEX inbound_held ON inbound (id) WHERE state = 'held';

ALTER TABLE suppression ADD COLUMN updated INTEGER NOT NULL DEFAULT 0;
DROP INDEX delivery_state;
CREATE INDEX delivery_state ON delivery (state, id)
  WHERE state IN ('ready','deferred','unknown','failed','dead','cancelled','bounced');
";

/// People's wishes, mails that are held, weights across events.
const VERSION_3: &str = "
CREATE INDEX record_personal ON record (json_extract(fields, '$.user'))
  WHERE table_name IN ('notification_preference','notification_device','user_delegate');
CREATE INDEX notification_subscription_notification ON record (lower(json_extract(fields, '$.notification')))
  WHERE table_name = 'notification_subscription';
CREATE INDEX notification_preference_address ON record (lower(json_extract(fields, '$.address')))
  WHERE table_name = 'notification_preference';

ALTER TABLE delivery ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;
ALTER TABLE delivery ADD COLUMN fingerprint TEXT NOT NULL DEFAULT '';
CREATE INDEX delivery_held ON delivery (next_at) WHERE state = 'held';
CREATE INDEX delivery_weight ON delivery (thread, id) WHERE weight > 0 AND state IN ('ready','held','deferred');
CREATE INDEX delivery_aside ON delivery (state, id) WHERE state IN ('held','skipped');
";

/// Token buckets of rate limits.
const VERSION_4: &str = "
CREATE TABLE bucket (
  name   TEXT PRIMARY KEY,
  tokens REAL NOT NULL,
  at     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX delivery_suppressed ON delivery (id) WHERE state = 'suppressed';
";

/// What fetching remembers is a journal; the unique-ids known before become its first lines, as far as their mail is here.
const VERSION_5: &str = "
CREATE TABLE fetch_journal (
  id      INTEGER PRIMARY KEY,
  account TEXT NOT NULL,
  line    TEXT NOT NULL
);
CREATE INDEX fetch_journal_account ON fetch_journal (account, id);
INSERT INTO fetch_journal (account, line)
  SELECT s.account, 'seen ' || row_number() OVER (PARTITION BY s.account ORDER BY s.inbound_id, s.uidl) || ' - '
      || CASE WHEN s.uidl LIKE 'sha256:%' THEN '-' ELSE '=' || s.uidl END
      || ' ' || length(i.raw) || ' ' || i.sha256 || ' ' || i.sha256 || ' ' || (s.stored_at / 1000000000) || ' ='
  FROM seen_uidl s JOIN inbound i ON i.id = s.inbound_id WHERE length(i.sha256) = 64;
DROP TABLE seen_uidl;
ALTER TABLE inbound ADD COLUMN copies INTEGER NOT NULL DEFAULT 0;
";

/// Digests, and their parts until they are due and after; when each repeated event was fired last.
const VERSION_6: &str = "
CREATE TABLE digest (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  notification TEXT NOT NULL,
  user_id      TEXT,
  address      TEXT NOT NULL COLLATE NOCASE,
  via          TEXT NOT NULL,
  table_name   TEXT NOT NULL,
  record_id    TEXT NOT NULL,
  opened       INTEGER NOT NULL,
  due_at       INTEGER NOT NULL
);
CREATE UNIQUE INDEX digest_open ON digest (notification, address, table_name, record_id);
CREATE INDEX digest_due ON digest (due_at, id);
CREATE TABLE digest_part (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  digest_id   INTEGER NOT NULL,
  event_id    INTEGER NOT NULL REFERENCES event ON DELETE CASCADE,
  match_id    INTEGER NOT NULL,
  address     TEXT NOT NULL,
  table_name  TEXT,
  record_id   TEXT,
  subject     TEXT NOT NULL,
  html        TEXT,
  text        TEXT NOT NULL,
  created     INTEGER NOT NULL,
  delivery_id INTEGER
);
CREATE INDEX digest_part_digest ON digest_part (digest_id, id);
CREATE INDEX digest_part_event ON digest_part (event_id);

CREATE TABLE repeated (
  name  TEXT PRIMARY KEY,
  fired INTEGER NOT NULL
) WITHOUT ROWID;
";

/// The conditions of partial indexes have no list of more than two values: for each longer one SQLite makes a table in memory,
/// for every index and every row that is written.
const VERSION_7: &str = "
DROP INDEX delivery_due;
CREATE INDEX delivery_due ON delivery (account, next_at, id)
  WHERE (state IN ('ready','leased') OR state IN ('deferred','unknown'));
DROP INDEX delivery_state;
CREATE INDEX delivery_state ON delivery (state, id)
  WHERE (state IN ('ready','deferred') OR state IN ('unknown','failed') OR state IN ('dead','cancelled') OR state = 'bounced');
DROP INDEX delivery_thread;
CREATE INDEX delivery_thread ON delivery (thread, id) WHERE (state = 'leased' OR state IN ('deferred','unknown'));
DROP INDEX delivery_weight;
CREATE INDEX delivery_weight ON delivery (thread, id) WHERE weight > 0 AND (state IN ('ready','held') OR state = 'deferred');
DROP INDEX record_personal;
CREATE INDEX record_personal ON record (json_extract(fields, '$.user'))
  WHERE (table_name IN ('notification_preference','notification_device') OR table_name = 'user_delegate');
";

/// What is long and never changes stands beside what is short and does: a row is written whole, however little of it is new.
const VERSION_8: &str = "
CREATE TABLE inbound_raw (
  id  INTEGER PRIMARY KEY REFERENCES inbound ON DELETE CASCADE,
  raw BLOB NOT NULL
);
INSERT INTO inbound_raw (id, raw) SELECT id, raw FROM inbound;
ALTER TABLE inbound DROP COLUMN raw;

CREATE TABLE event_fields (
  id       INTEGER PRIMARY KEY REFERENCES event ON DELETE CASCADE,
  current  TEXT NOT NULL,
  previous TEXT NOT NULL
);
INSERT INTO event_fields (id, current, previous) SELECT id, current, previous FROM event;
ALTER TABLE event DROP COLUMN current;
ALTER TABLE event DROP COLUMN previous;
";

/// Whether the event of a record's insertion has its fields from the record, which has not changed since.
const VERSION_9: &str = "
ALTER TABLE record ADD COLUMN fresh INTEGER NOT NULL DEFAULT 0;
";

/// The same indexes: what they are over is said anew where `lower` went by the locale of the database.
const VERSION_10: &str = "
DROP INDEX user_email;
CREATE INDEX user_email ON record (lower(json_extract(fields, '$.email'))) WHERE table_name = 'user';
DROP INDEX group_member_group;
CREATE INDEX group_member_group ON record (lower(json_extract(fields, '$.group'))) WHERE table_name = 'group_member';
DROP INDEX group_member_user;
CREATE INDEX group_member_user ON record (lower(json_extract(fields, '$.user'))) WHERE table_name = 'group_member';
DROP INDEX notification_subscription_notification;
CREATE INDEX notification_subscription_notification ON record (lower(json_extract(fields, '$.notification')))
  WHERE table_name = 'notification_subscription';
DROP INDEX notification_preference_address;
CREATE INDEX notification_preference_address ON record (lower(json_extract(fields, '$.address')))
  WHERE table_name = 'notification_preference';
";

/// Whether whoever caused an event is told by it.
const VERSION_11: &str = "
ALTER TABLE event ADD COLUMN unanswered INTEGER NOT NULL DEFAULT 0;
";

/// The hash of a mail without what servers added on its way; unknown of the mail that is there.
const VERSION_12: &str = "
ALTER TABLE inbound ADD COLUMN as_sent TEXT;
CREATE INDEX inbound_as_sent ON inbound (as_sent) WHERE as_sent IS NOT NULL;
";

/// How many attempts a mail had before it was put back into the queue, which is when it was created; a digest is of one person, also
/// where two share an address; the devices that have an address.
const VERSION_13: &str = "
ALTER TABLE delivery ADD COLUMN earlier INTEGER NOT NULL DEFAULT 0;
UPDATE delivery SET earlier = (SELECT coalesce(max(n), 0) FROM attempt
  WHERE delivery_id = delivery.id AND started < delivery.created) WHERE lives > 1;
DROP INDEX digest_open;
CREATE UNIQUE INDEX digest_open ON digest (notification, address, table_name, record_id, coalesce(user_id, ''));
CREATE INDEX notification_device_email ON record (lower(json_extract(fields, '$.email')))
  WHERE table_name = 'notification_device';
";

/// Brings the database to the version of this program.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Fault> {
    let newest = MIGRATIONS.len() as i64;
    if version(connection)? == newest {
        return Ok(());
    }
    // The version is read again under the write lock: another process may be doing the same.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = version(&transaction)?;
    let missing = usize::try_from(found)
        .ok()
        .and_then(|found| MIGRATIONS.get(found..))
        .ok_or_else(|| {
            StoreError::Corrupt(format!(
                "its version is {found}, this program knows versions up to {newest}"
            ))
        })?;
    if found == 0 {
        refuse_foreign(&transaction)?;
    }
    for sql in missing {
        transaction.execute_batch(sql)?;
    }
    transaction.pragma_update(None, "user_version", newest)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.commit()?;
    Ok(())
}

fn version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// A connection that somebody else opened is to be on a store of this very version.
pub(super) fn expect_current(connection: &Connection) -> Result<(), Fault> {
    let newest = MIGRATIONS.len() as i64;
    let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let found = version(connection)?;
    if (id, found) == (APPLICATION_ID, newest) {
        return Ok(());
    }
    let text = match id == APPLICATION_ID {
        true => format!("its version is {found}, this program writes version {newest}"),
        false => "the connection is on another database than a store".to_owned(),
    };
    Err(Fault::corrupt(text))
}

/// A file that holds somebody else's tables is left as it is.
fn refuse_foreign(connection: &Connection) -> Result<(), Fault> {
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 {
        let text = "it holds the tables of another program".to_owned();
        return Err(StoreError::Corrupt(text).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{events, inbound};
    use super::*;

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        assert_eq!(version(&connection).unwrap(), MIGRATIONS.len() as i64);
    }

    #[test]
    fn a_database_of_the_first_version_keeps_its_rows() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(VERSION_1).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        let rows = "INSERT INTO inbound (id, account, sha256, sender, subject, received, raw)
                    VALUES (3, 'a', '', 's', '', 7, x'00');
                    INSERT INTO event (id, name, kind, parm1, parm2, actor, current, previous, created, due_at)
                    VALUES (5, 'tell', 'fired', '', '', '', '{\"a\":1}', '{}', 7, 0)";
        connection.execute_batch(rows).unwrap();
        migrate(&mut connection).unwrap();
        let kept: (i64, i64, String) = connection
            .query_row("SELECT received, crashes, author FROM inbound", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .unwrap();
        assert_eq!(kept, (7, 0, String::new()));
        let whole = inbound::one(&connection, 3).unwrap().unwrap();
        assert_eq!(whole.what.raw, [0]);
        let due = events::due(&connection, 0, 9, &|_| true).unwrap().events;
        assert!(!due[0].unanswered);
        assert_eq!((due[0].id, &due[0].what.current["a"]), (5, &1.into()));
    }

    #[test]
    fn the_unique_ids_of_an_earlier_version_become_lines_of_the_journal() {
        let mut connection = Connection::open_in_memory().unwrap();
        for sql in &MIGRATIONS[..4] {
            connection.execute_batch(sql).unwrap();
        }
        connection.pragma_update(None, "user_version", 4).unwrap();
        let sha256 = "ab".repeat(32);
        connection
            .execute_batch(&format!(
                "INSERT INTO inbound (account, sha256, sender, subject, received, raw)
                 VALUES ('a', '{sha256}', 's', '', 7, x'0d0a');
                 INSERT INTO seen_uidl VALUES ('a', 'u%1', 1, 1700000000000000000), ('a', 'sha256:x', 1, 0), ('a', 'gone', 9, 0);"
            ))
            .unwrap();
        migrate(&mut connection).unwrap();
        let mut lines = connection
            .prepare("SELECT line FROM fetch_journal ORDER BY id")
            .unwrap();
        let lines: Vec<String> = lines
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(
            lines.len(),
            2,
            "of the mail that is forgotten nothing is known"
        );
        for (line, uid) in lines.iter().zip(["-", "=u%1"]) {
            let read: postrider_pop3::sync::JournalEntry = line.parse().expect(line);
            assert_eq!(&read.to_string(), line);
            assert!(line.contains(&format!(" {uid} 2 {sha256} ")), "{line}");
        }
    }

    #[test]
    fn what_was_put_back_before_the_upgrade_waits_like_new_mail() {
        let mut connection = Connection::open_in_memory().unwrap();
        for sql in &MIGRATIONS[..12] {
            connection.execute_batch(sql).unwrap();
        }
        connection.pragma_update(None, "user_version", 12).unwrap();
        let rows = "INSERT INTO event (id, name, kind, parm1, parm2, actor, created, due_at)
                      VALUES (1, 'tell', 'fired', '', '', '', 1, 0);
                    INSERT INTO message (id, match_id, event_id, message_id, sender, recipient, subject, created, raw)
                      VALUES (1, 1, 1, 'a', 's', 'r', '', 1, x'00'), (2, 1, 1, 'b', 's', 'r', '', 1, x'00');
                    INSERT INTO delivery (id, account, created, state, next_at, expires, attempts, lives)
                      VALUES (1, 'main', 5, 'deferred', 9, 9, 3, 2), (2, 'main', 1, 'deferred', 9, 9, 2, 1);
                    INSERT INTO attempt (delivery_id, n, owner, started)
                      VALUES (1, 1, 'w', 2), (1, 2, 'w', 3), (1, 3, 'w', 6), (2, 1, 'w', 2), (2, 2, 'w', 3);";
        connection.execute_batch(rows).unwrap();
        migrate(&mut connection).unwrap();
        let mut earlier = connection
            .prepare("SELECT earlier FROM delivery ORDER BY id")
            .unwrap();
        let earlier: Vec<i64> = earlier
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(earlier, [2, 0], "of two lives, the attempts of the first");
    }

    #[test]
    fn a_newer_version_and_a_foreign_file_are_refused() {
        let mut newer = Connection::open_in_memory().unwrap();
        newer.pragma_update(None, "user_version", 99).unwrap();
        assert!(matches!(
            migrate(&mut newer),
            Err(Fault::Store(StoreError::Corrupt(_)))
        ));
        let mut foreign = Connection::open_in_memory().unwrap();
        foreign.execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(
            migrate(&mut foreign),
            Err(Fault::Store(StoreError::Corrupt(_)))
        ));
        assert_eq!(version(&foreign).unwrap(), 0);
    }
}
