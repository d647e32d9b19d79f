//! `postrider replay`: past events by the configuration as it is now, and what would be different. Nothing is stored.

use super::matching::Matching;
use crate::exit::{Code, Failure, Result};
use crate::output::{self, Progress, Style, foreign, paint};
use crate::setup::{self, Setup};
use jiff::Timestamp;
use postrider_notify::config::Config;
use postrider_notify::event::{Event, EventId};
use postrider_notify::render::Content;
use postrider_notify::replay::{Difference, Replayed, Told, replay};
use postrider_notify::store::EventFilter;
use serde_json::{Value, json};
use similar::TextDiff;
use std::path::{Path, PathBuf};

/// Events that are looked at in one rehearsal, so that nobody has to wait long for the database.
const TOGETHER: usize = 250;

/// Run past events against the configuration as it is now, and show what would be different; store and send nothing.
///
/// For each mail that would be there or not there, or say something else: what it was, what it would be, and why.
/// An event keeps its record as it was; people, references and journals are as they are now.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only events queued at this moment or later: 2026-11-01T00:00:00Z, or -7d for a week ago
    #[arg(long, value_name = "TIME", value_parser = super::moment, allow_hyphen_values = true)]
    since: Option<Timestamp>,
    /// Only events queued before this moment
    #[arg(long, value_name = "TIME", value_parser = super::moment, allow_hyphen_values = true)]
    until: Option<Timestamp>,
    /// Only this event
    #[arg(long, value_name = "ID")]
    event: Option<EventId>,
    /// Only events that this holds for: name=incident.updated^actor=grace
    #[arg(long = "where", value_name = "CONDITION")]
    matching: Option<String>,
    /// Another configuration to run them against, on the database of this one
    #[arg(long, value_name = "PATH")]
    with: Option<PathBuf>,
    /// One JSON object for each difference, and one for the sum
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Default)]
struct Sum {
    events: usize,
    mails: usize,
    gone: usize,
    new: usize,
    other: usize,
}

pub(crate) fn run(config: Option<&Path>, args: &Args) -> Result {
    let matching = args.matching.as_deref().map(Matching::new).transpose()?;
    let mut filter = EventFilter {
        since: args.since,
        until: args.until,
        limit: TOGETHER,
        ..EventFilter::default()
    };
    if let Some(event) = args.event {
        filter.after = event - 1;
        filter.limit = 1;
    }
    let changed = configuration(config, args)?;
    let mut sum = Sum::default();
    let mut progress = Progress::new("events");
    loop {
        let setup = Setup::rehearse(changed.clone())?;
        let ids = setup.store.past_events(&filter)?;
        if args.event.is_some() && ids.first() != args.event.as_ref() {
            let id = args.event.unwrap_or_default();
            let sentence = format!("there is no event {id} in the past");
            return Err(Failure::new(Code::NoInput, sentence));
        }
        let processor = setup.processor()?;
        for id in &ids {
            if let Some(matching) = &matching {
                let event = setup.store.explain(*id)?.map(|found| found.event);
                if matching
                    .choose(&setup, event.into_iter().collect())?
                    .is_empty()
                {
                    continue;
                }
            }
            if let Some(replayed) = replay(&*setup.store, &processor, *id)? {
                sum.add(&replayed);
                show(&replayed, args.json);
            }
        }
        progress.step(ids.len());
        match ids.last() {
            Some(last) if args.event.is_none() && ids.len() == TOGETHER => filter.after = *last,
            _ => break,
        }
    }
    progress.end();
    sum.show(args.json);
    match sum.differ() {
        0 => Ok(()),
        _ => Err(Failure::silent(Code::Differs)),
    }
}

/// The configuration that the events are run against; the database is that of the installation.
fn configuration(given: Option<&Path>, args: &Args) -> Result<Config> {
    let own = setup::config(given)?;
    match &args.with {
        None => Ok(own),
        Some(path) => Ok(Config {
            database: own.database,
            postgres: own.postgres,
            ..setup::config(Some(path))?
        }),
    }
}

impl Sum {
    fn add(&mut self, replayed: &Replayed) {
        self.events += 1;
        self.mails += replayed.mails;
        for difference in &replayed.differences {
            match (&difference.then, &difference.now) {
                (Told::Mail { .. }, Told::Nothing { .. }) => self.gone += 1,
                (Told::Nothing { .. }, Told::Mail { .. }) => self.new += 1,
                _ => self.other += 1,
            }
        }
    }

    fn differ(&self) -> usize {
        self.gone + self.new + self.other
    }

    fn show(&self, as_json: bool) {
        let Self {
            events,
            mails,
            gone,
            new,
            other,
        } = self;
        if as_json {
            output::line(json!({
                "events": events,
                "mails": mails,
                "told_then_not_now": gone,
                "told_now_not_then": new,
                "says_something_else": other,
            }));
            return;
        }
        let words = match self.differ() {
            0 => paint(Style::Good, "nothing would be different"),
            n => format!(
                "{n} would be different ({gone} told then and not now, {new} told now and not then, {other} otherwise)"
            ),
        };
        output::line(format!("{events} events with {mails} mails: {words}"));
    }
}

fn show(replayed: &Replayed, as_json: bool) {
    if as_json {
        let event = &replayed.event;
        let objects = replayed
            .differences
            .iter()
            .map(|found| object(event, found));
        objects.for_each(output::line);
        return;
    }
    if replayed.differences.is_empty() {
        return;
    }
    let event = &replayed.event;
    let about = event
        .what
        .record
        .as_ref()
        .map_or(String::new(), |key| format!("  {key}"));
    let head = format!(
        "event {}  {}{about}  {}",
        event.id, event.what.name, event.created
    );
    output::line(paint(Style::Head, &foreign(&head)));
    for found in &replayed.differences {
        let who = foreign(&format!("{} to {}", found.notification, found.address));
        match (&found.then, &found.now) {
            (Told::Mail { content, .. }, Told::Nothing { .. }) => {
                output::line(format!("  {who}"));
                line(Style::Bad, "- told then", &content.subject);
                line(Style::Dim, "  not now", &why(&found.now));
            }
            (Told::Nothing { .. }, Told::Mail { content, .. }) => {
                output::line(format!("  {who}"));
                line(Style::Dim, "  not told then", &why(&found.then));
                line(Style::Good, "+ told now", &content.subject);
            }
            (
                Told::Mail {
                    account: was,
                    content: then,
                },
                Told::Mail {
                    account,
                    content: now,
                },
            ) => {
                output::line(format!("  {who} says something else"));
                if was != account {
                    line(Style::Bad, "- account", was);
                    line(Style::Good, "+ account", account);
                }
                output::line(differences(then, now));
            }
            _ => {}
        }
    }
}

fn line(style: Style, word: &str, text: &str) {
    let line = format!("{word}: {}", foreign(text));
    output::line(format!("    {}", paint(style, &line)));
}

fn why(told: &Told) -> String {
    match told {
        Told::Nothing { verdict, detail } if verdict.is_empty() => detail.clone(),
        Told::Nothing { verdict, detail } if detail.is_empty() => verdict.clone(),
        Told::Nothing { verdict, detail } => format!("{verdict} ({detail})"),
        Told::Mail { .. } => String::new(),
    }
}

/// Subject, text and HTML as a unified diff; what is the same is left out.
fn differences(then: &Content, now: &Content) -> String {
    let subject = |content: &Content| format!("Subject: {}\n", content.subject);
    let html = |content: &Content| content.html.clone().unwrap_or_default();
    let parts = [
        (subject(then), subject(now)),
        (then.text.clone(), now.text.clone()),
        (html(then), html(now)),
    ];
    let mut out = Vec::new();
    for (then, now) in parts.iter().filter(|(then, now)| then != now) {
        for text in unified(then, now).lines() {
            let style = match text.chars().next() {
                Some('+') => Some(Style::Good),
                Some('-') => Some(Style::Bad),
                _ => None,
            };
            let text = foreign(text);
            let text = style.map_or(text.clone(), |style| paint(style, &text));
            out.push(format!("    {text}"));
        }
    }
    out.join("\n")
}

fn unified(then: &str, now: &str) -> String {
    let diff = TextDiff::from_lines(then, now);
    let mut diff = diff.unified_diff();
    diff.context_radius(2)
        .missing_newline_hint(false)
        .to_string()
}

fn object(event: &Event, found: &Difference) -> Value {
    let told = |told: &Told| match told {
        Told::Mail { account, content } => json!({
            "told": true,
            "account": account,
            "subject": content.subject,
            "text": content.text,
            "html": content.html,
        }),
        Told::Nothing { verdict, detail } => json!({
            "told": false,
            "verdict": verdict,
            "detail": detail,
        }),
    };
    let diff = match (&found.then, &found.now) {
        (Told::Mail { content: then, .. }, Told::Mail { content: now, .. }) => {
            Some(unified(&then.text, &now.text))
        }
        _ => None,
    };
    json!({
        "event": event.id,
        "name": event.what.name,
        "record": event.what.record.as_ref().map(ToString::to_string),
        "notification": found.notification,
        "address": found.address,
        "then": told(&found.then),
        "now": told(&found.now),
        "text_diff": diff,
    })
}
