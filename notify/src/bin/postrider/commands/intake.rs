//! `postrider event intake`: events as JSON lines on standard input, acknowledged one by one once they are on disk.
//!
//! Lines that are there at the same time share one wait for the disk, so that a fast writer is not slowed down by it.

use super::{dry_run, moment, record_key};
use crate::exit::{Code, Failure, Result};
use crate::output;
use crate::setup::{self, Mode, Setup};
use postrider_notify::event::{EventKind, NewEvent};
use postrider_notify::record::Fields;
use postrider_notify::store::Work;
use serde_json::{Value, json};
use std::io::{self, BufRead, ErrorKind};
use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};

/// Lines in one transaction at most.
const TOGETHER: usize = 256;

/// The longest line that is read.
const LONGEST: usize = 1024 * 1024;

type Line = std::result::Result<String, String>;

pub(crate) fn run(config: Option<&Path>, mode: Mode) -> Result {
    let config = setup::config(config)?;
    let real = match mode {
        Mode::Real => Some(Setup::new(config.clone())?),
        Mode::DryRun => None,
    };
    let lines = reading();
    let (mut number, mut refused) = (0, 0);
    let mut failed = None;
    while let Some(some) = at_once(&lines, &mut failed) {
        // A rehearsal lasts no longer than its lines, because nobody else can write meanwhile.
        let rehearsal = match real {
            Some(_) => None,
            None => Some(Setup::rehearse(config.clone())?),
        };
        let Some(setup) = real.as_ref().or(rehearsal.as_ref()) else {
            break;
        };
        for answer in answers(setup, some, mode)? {
            number += 1;
            let mut object = answer.unwrap_or_else(|why| {
                refused += 1;
                json!({ "error": why })
            });
            object["line"] = number.into();
            output::line(object);
        }
    }
    if let Some(error) = failed {
        let sentence = format!("cannot read standard input: {error}");
        return Err(Failure::new(Code::Io, sentence));
    }
    match refused {
        0 => Ok(()),
        _ => {
            let sentence = format!(
                "{refused} of {number} lines were no events; their acknowledgements say why"
            );
            Err(Failure::new(Code::Data, sentence))
        }
    }
}

/// The lines of standard input, up to its end, or to an error of reading it.
fn reading() -> Receiver<io::Result<Line>> {
    let (send, lines) = sync_channel(TOGETHER);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next(&mut input).transpose() {
            // The next attempt would fail as well.
            let is_last = line.is_err();
            // Whoever reads them has gone, and so does this.
            if send.send(line).is_err() || is_last {
                break;
            }
        }
    });
    lines
}

/// An answer for each line, once its event is on disk; in a dry run, what would become of the event.
fn answers(
    setup: &Setup,
    lines: Vec<Line>,
    mode: Mode,
) -> Result<Vec<std::result::Result<Value, String>>> {
    let events: Vec<std::result::Result<NewEvent, String>> =
        lines.into_iter().map(|line| event(setup, &line?)).collect();
    let work = Work {
        events: events.iter().flatten().cloned().collect(),
        ..Work::default()
    };
    let mut ids = setup.store.commit(&work)?.events.into_iter();
    let mut answers = Vec::new();
    for event in events {
        answers.push(match (event, mode) {
            (Err(why), _) => Err(why),
            (Ok(_), Mode::Real) => Ok(json!({ "event": ids.next() })),
            (Ok(_), Mode::DryRun) => {
                let settled = dry_run::settled(setup, ids.next().unwrap_or_default())?;
                Ok(dry_run::object(setup, &settled)?)
            }
        });
    }
    Ok(answers)
}

/// A line without its end; `None` at the end of the input.
fn next(input: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            break;
        }
        let end = available.iter().position(|b| *b == b'\n');
        let taken = end.map_or(available.len(), |end| end + 1);
        // What is too long is read to its end, and not kept.
        if line.len() <= LONGEST {
            line.extend_from_slice(available.get(..taken).unwrap_or_default());
        }
        input.consume(taken);
        if end.is_some() {
            break;
        }
    }
    Ok(match line.len() {
        0 => None,
        1..=LONGEST => Some(String::from_utf8(line).map_err(|_| "not UTF-8".to_owned())),
        _ => Some(Err(format!("longer than {LONGEST} octets"))),
    })
}

/// The next line, and those that are there already; `None` at the end, and where the input could not be read.
fn at_once(
    lines: &Receiver<io::Result<Line>>,
    failed: &mut Option<io::Error>,
) -> Option<Vec<Line>> {
    let first = lines.recv().ok()?;
    let read = std::iter::once(first).chain(lines.try_iter().take(TOGETHER - 1));
    let mut some = Vec::new();
    for line in read {
        match line {
            Ok(line) => some.push(line),
            Err(error) => *failed = Some(error),
        }
    }
    (!some.is_empty()).then_some(some)
}

fn event(setup: &Setup, line: &str) -> std::result::Result<NewEvent, String> {
    let value: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let Value::Object(mut object) = value else {
        return Err("an object is expected: {\"name\": \"incident.escalated\"}".to_owned());
    };
    let mut text = |key: &str| match object.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(format!("`{key}` is no text")),
    };
    let name = text("name")?.ok_or("`name` is missing")?;
    let record = text("record")?.map(|key| record_key(&key)).transpose()?;
    let at = text("at")?.map(|at| moment(&at)).transpose()?;
    let (parm1, parm2) = (text("parm1")?, text("parm2")?);
    let (actor, key) = (text("as")?, text("key")?);
    let current = match object.remove("current") {
        None => Fields::new(),
        Some(Value::Object(fields)) => fields,
        Some(_) => return Err("`current` is no object".to_owned()),
    };
    if let Some(unknown) = object.keys().next() {
        return Err(format!("there is no key `{unknown}`"));
    }
    let Some(registered) = setup.config.events.get(&name) else {
        return Err(format!("the event `{name}` is not registered"));
    };
    registered.may_be_about(record.as_ref())?;
    Ok(NewEvent {
        name,
        kind: EventKind::Fired,
        record,
        parm1: parm1.unwrap_or_default(),
        parm2: parm2.unwrap_or_default(),
        actor: actor.unwrap_or_default(),
        current,
        previous: Fields::new(),
        idempotency_key: key,
        due: at,
    })
}
