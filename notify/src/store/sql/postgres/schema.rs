//! The tables in PostgreSQL: those of SQLite, step by step, and what PostgreSQL lacks beneath them.

use super::super::connection::Connection;
use super::super::fault::Fault;
use super::super::migrate::MIGRATIONS;
use super::dialect;
use super::session::Session;
use rusqlite::params;

/// `NOCASE` compares as SQLite's does, and takes letters beyond ASCII for equal that differ in case or width only.
const BENEATH: &str = "
CREATE COLLATION IF NOT EXISTS nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE postrider (version BIGINT NOT NULL, commits BIGINT NOT NULL);
INSERT INTO postrider VALUES (0, 0);
";

/// `lower_ascii` makes small letters of ASCII, as SQLite's `lower` does, whatever the locale of the database. `json_extract` takes the
/// paths that our indexes have; PostgreSQL reads no JSON with the character U+0000, and what is no JSON has no fields. An index
/// refuses a row of more than 2,704 octets, which a letter may have four of, so that it has the beginning of what is longer.
const FUNCTIONS: &str = r#"
CREATE OR REPLACE FUNCTION json_extract(document TEXT, path TEXT) RETURNS TEXT LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
  RETURN left(replace(document, '\u0000', '\ufffd')::json #>> ARRAY[substr(path, 3)], 600);
EXCEPTION WHEN OTHERS THEN
  RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION lower_ascii(word TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
  $$ SELECT lower(word COLLATE "C") $$;
"#;

/// Brings the database to the version of this program. Nobody else writes meanwhile.
pub(super) fn migrate(session: &Session) -> Result<(), Fault> {
    let known = MIGRATIONS.len();
    if !exists(session, "postrider")? {
        if exists(session, "record")? || exists(session, "event")? {
            return Err(Fault::corrupt("it holds the tables of another program"));
        }
        session.run(BENEATH)?;
    }
    let found: i64 = session
        .prepare_cached("SELECT version FROM postrider")?
        .query_row(params![], |row| row.get(0))?;
    let missing = usize::try_from(found)
        .ok()
        .and_then(|found| MIGRATIONS.get(found..))
        .ok_or_else(|| {
            Fault::corrupt(format!(
                "its version is {found}, this program knows versions up to {known}"
            ))
        })?;
    if !missing.is_empty() {
        session.run(FUNCTIONS)?;
    }
    for sql in missing {
        session.run(&dialect::schema(sql))?;
    }
    if !missing.is_empty() {
        session.run(&format!("UPDATE postrider SET version = {known}"))?;
    }
    Ok(())
}

/// True if there is such a table where this connection looks for it.
fn exists(session: &Session, table: &str) -> Result<bool, Fault> {
    let mut select = session.prepare_cached("SELECT to_regclass(?1) IS NOT NULL")?;
    Ok(select.query_row([table], |row| row.get(0))?)
}
