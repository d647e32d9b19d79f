//! `postrider record`: create, change and show records.

use super::{assignment, dry_run, fields, record_files, record_key};
use crate::exit::{Code, Failure, Result};
use crate::output::{self, Style, foreign, lines, paint};
use crate::setup::{self, Mode};
use postrider_notify::record::{Change, Record, RecordKey};
use postrider_notify::records::{RecordError, Records};
use postrider_notify::store::Work;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Create, change and show records.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Create a record; its number is printed
    Create {
        /// The table: incident
        table: String,
        /// Its fields
        #[arg(value_name = "FIELD=VALUE", value_parser = assignment)]
        fields: Vec<(String, String)>,
        /// The id, for tables that do not number their records
        #[arg(long)]
        id: Option<String>,
        /// Who does it: a user id, or an address
        #[arg(long = "as", value_name = "USER", default_value = "")]
        actor: String,
        /// Show who would be told what, term by term; store and send nothing
        #[arg(long)]
        dry_run: bool,
        /// With --dry-run: one JSON object for each event
        #[arg(long, requires = "dry_run")]
        json: bool,
    },
    /// Change fields of a record; an empty value takes a value away
    Update {
        /// The record
        #[arg(value_name = "TABLE/ID", value_parser = record_key)]
        record: RecordKey,
        /// The new values
        #[arg(value_name = "FIELD=VALUE", value_parser = assignment, required = true)]
        fields: Vec<(String, String)>,
        /// Who does it: a user id, or an address
        #[arg(long = "as", value_name = "USER", default_value = "")]
        actor: String,
        /// Show who would be told what, term by term; store and send nothing
        #[arg(long)]
        dry_run: bool,
        /// With --dry-run: one JSON object for each event
        #[arg(long, requires = "dry_run")]
        json: bool,
    },
    /// Attach files to a record; its files are listed
    Attach {
        /// The record
        #[arg(value_name = "TABLE/ID", value_parser = record_key)]
        record: RecordKey,
        /// The files
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
        /// Who does it: a user id, or an address
        #[arg(long = "as", value_name = "USER", default_value = "")]
        actor: String,
    },
    /// Show a record with its journal and its files
    Show {
        /// The record
        #[arg(value_name = "TABLE/ID", value_parser = record_key)]
        record: RecordKey,
        /// One JSON object
        #[arg(long)]
        json: bool,
    },
    /// List the records of a table
    List {
        /// The table
        table: String,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
}

pub(crate) fn run(config: Option<&Path>, command: Command) -> Result {
    match command {
        Command::Create {
            table,
            fields: given,
            id,
            actor,
            dry_run,
            json,
        } => {
            let change = |records: &Records| {
                records.insert_change(&table, id.clone(), &fields(given), &actor)
            };
            make(config, Mode::of(dry_run), json, &actor, change)
        }
        Command::Update {
            record,
            fields: given,
            actor,
            dry_run,
            json,
        } => {
            let change = |records: &Records| records.update_change(&record, &fields(given), &actor);
            make(config, Mode::of(dry_run), json, &actor, change)
        }
        Command::Attach {
            record,
            files,
            actor,
        } => record_files::attach(&setup::open(config)?, &record, &files, &actor),
        Command::Show { record, json } => show(&setup::open(config)?, &record, json),
        Command::List { table, json } => list(&setup::open(config)?, &table, json),
    }
}

/// Makes a change, and prints the record's name; as a dry run, prints what would come of it.
fn make(
    config: Option<&Path>,
    mode: Mode,
    json: bool,
    actor: &str,
    change: impl FnOnce(&Records) -> std::result::Result<Change, RecordError>,
) -> Result {
    let setup = mode.open(config)?;
    setup.knows(actor)?;
    let work = Work {
        changes: vec![change(&setup.records)?],
        ..Work::default()
    };
    let committed = setup.store.commit(&work)?;
    if !json {
        committed.records.iter().for_each(output::line);
    }
    match mode {
        Mode::Real => Ok(()),
        Mode::DryRun => dry_run::show(&setup, &committed.events, json),
    }
}

fn show(setup: &setup::Setup, key: &RecordKey, as_json: bool) -> Result {
    let record = setup.store.record(key)?;
    let record = record.ok_or_else(|| {
        let sentence = format!(
            "there is no record {key} (`postrider record list {}` lists them)",
            key.table
        );
        Failure::new(Code::NoInput, sentence)
    })?;
    let journal = setup.store.journal(key)?;
    let files = setup.store.attachments(key)?;
    if as_json {
        let mut object = object(&record);
        let entries = journal.iter().map(|entry| {
            json!({
                "field": entry.field,
                "text": entry.text,
                "author": entry.author,
                "created": entry.created.to_string(),
            })
        });
        if let Some(object) = object.as_object_mut() {
            object.insert("journal".to_owned(), entries.collect());
            object.insert("attachments".to_owned(), record_files::json(&files));
        }
        output::line(object);
        return Ok(());
    }
    output::line(paint(Style::Head, &record.key.to_string()));
    let width = record.fields.keys().map(String::len).max().unwrap_or(0);
    for (field, value) in &record.fields {
        let value = lines(&shown(value)).replace('\n', "\n    ");
        output::line(format!("  {field:width$}  {value}"));
    }
    for entry in &journal {
        let head = format!(
            "{} {} by {}",
            entry.field,
            entry.created,
            foreign(&entry.author)
        );
        output::line(format!("  {}", paint(Style::Dim, &head)));
        output::line(format!(
            "    {}",
            lines(&entry.text).replace('\n', "\n    ")
        ));
    }
    record_files::show(&files);
    Ok(())
}

fn list(setup: &setup::Setup, table: &str, as_json: bool) -> Result {
    let Some(definition) = setup.config.schema.tables.get(table) else {
        let tables: Vec<&str> = setup
            .config
            .schema
            .tables
            .keys()
            .map(String::as_str)
            .collect();
        let sentence = format!(
            "there is no table {table:?} (there are: {})",
            tables.join(", ")
        );
        return Err(Failure::new(Code::Data, sentence));
    };
    let records = setup.store.records(table)?;
    if as_json {
        records
            .iter()
            .for_each(|record| output::line(object(record)));
        return Ok(());
    }
    let display = definition.display.as_deref();
    let row = |record: &Record| {
        let shows = display.and_then(|field| record.fields.get(field));
        vec![
            record.key.id.clone(),
            shows.map(shown).unwrap_or_default(),
            record.updated.strftime("%Y-%m-%d %H:%M").to_string(),
        ]
    };
    let rows: Vec<_> = records.iter().map(row).collect();
    output::line(output::table(
        &["ID", display.unwrap_or("-"), "UPDATED"],
        &rows,
    ));
    Ok(())
}

fn object(record: &Record) -> Value {
    json!({
        "table": record.key.table,
        "id": record.key.id,
        "created": record.created.to_string(),
        "updated": record.updated.to_string(),
        "fields": record.fields,
    })
}

/// A value as a person writes it.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
