//! What became of an event, as a table: each notification, each person, and the setting that decided.

use crate::output::{self, Style, foreign, mark, paint};
use crate::setup::Setup;
use postrider_notify::explain::{self, Decision};
use postrider_notify::outgoing::{Match, MatchVerdict, RecipientVerdict};
use postrider_notify::store::Explanation;

pub(super) fn show(setup: &Setup, explanation: &Explanation) {
    let heading = explain::heading(&explanation.event, &explanation.state);
    output::line(paint(Style::Head, &foreign(heading.trim_end())));
    let Some(settlement) = &explanation.settlement else {
        output::line("  not processed yet (`postrider run` does that)");
        return;
    };
    if let Some(error) = &settlement.error {
        let error = format!("error: {}", foreign(error));
        output::line(format!("  {}", paint(Style::Bad, &error)));
    } else if settlement.matches.is_empty() {
        output::line("  no notification is about such an event");
    }
    for found in &settlement.matches {
        notification(setup, explanation, found);
    }
}

fn notification(setup: &Setup, explanation: &Explanation, found: &Match) {
    let style = match found.verdict {
        MatchVerdict::Matched => Style::Good,
        MatchVerdict::RenderError | MatchVerdict::Error => Style::Bad,
        _ => Style::Dim,
    };
    let detail = match found.detail.as_str() {
        "" => String::new(),
        detail => format!(" ({})", foreign(detail)),
    };
    let decided = decided(Decision::of_match(&setup.config, found));
    let name = foreign(&found.notification);
    let verdict = paint(style, found.verdict.name());
    output::line(format!("  {name}: {verdict}{detail}{decided}"));
    if found.verdict == MatchVerdict::NoRecipients && found.recipients.is_empty() {
        output::line("    nobody is named");
    }
    let width = |cell: fn(&RecipientVerdict) -> String| {
        let widths = found.recipients.iter().map(|row| cell(row).chars().count());
        widths.max().unwrap_or(0)
    };
    let widths = (width(address), width(via));
    for row in &found.recipients {
        output::line(person(setup, explanation, (found, row), widths));
    }
}

fn address(row: &RecipientVerdict) -> String {
    match row.address.as_str() {
        "" => "-".to_owned(),
        address => foreign(address),
    }
}

fn via(row: &RecipientVerdict) -> String {
    foreign(&row.via)
}

fn person(
    setup: &Setup,
    explanation: &Explanation,
    (found, row): (&Match, &RecipientVerdict),
    (wide, way): (usize, usize),
) -> String {
    let mut words = vec![
        format!("{:wide$}", address(row)),
        format!("{:way$}", via(row)),
    ];
    words.push(row.verdict.to_owned());
    if !row.detail.is_empty() {
        words.push(foreign(&row.detail));
    }
    if let Some(sent) = explain::delivery(explanation, found, row) {
        let said = sent.last.as_ref().filter(|last| !last.text.is_empty());
        words.push(match said {
            Some(last) => format!("{}: {}", sent.state.name(), foreign(&last.text)),
            None => sent.state.name().to_owned(),
        });
        words.push(format!("mail {}", sent.delivery));
    }
    let decided = decided(Decision::of_person(&setup.config, found, row));
    format!(
        "    {} {}{decided}",
        mark(row.is_queued()),
        words.join("  ")
    )
}

fn decided(decision: Option<Decision>) -> String {
    decision.map_or(String::new(), |decision| {
        let decision = format!("→ {}", foreign(&decision.to_string()));
        format!("  {}", paint(Style::Dim, &decision))
    })
}
