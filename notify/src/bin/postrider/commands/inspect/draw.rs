//! The tree of parts, drawn with lines.

use crate::output::{self, Style, foreign, paint};
use postrider_mime::{DefectKind, Message, Part};
use std::path::Path;

/// The name of a file, where there are several.
pub(super) fn heading(number: usize, file: &Path) {
    if number > 0 {
        output::line("");
    }
    let name = foreign(&file.to_string_lossy());
    output::line(paint(Style::Head, &name));
}

/// The fields that people look at, then the tree with the defects below their parts.
pub(super) fn message(message: &Message<'_>) {
    for name in ["From", "To", "Cc", "Date", "Subject", "Message-ID"] {
        for field in message.headers().filter(|field| field.is(name)) {
            output::line(format!("{name}: {}", foreign(field.text().trim())));
        }
    }
    output::line("");
    for part in message.parts() {
        let (own, below) = margins(part);
        output::line(format!("{own}{}", described_in_full(part)));
        for (offset, kind) in defects(part) {
            let defect = format!("! octet {offset}: {kind}");
            output::line(format!("{below}{}", paint(Style::Bad, &defect)));
        }
    }
}

/// What stands before the line of a part, and before the lines below it.
fn margins(part: Part<'_>) -> (String, String) {
    let above: Vec<_> = std::iter::successors(Some(part), |part| part.parent()).collect();
    // The root has no line to its left.
    let mut left: Vec<_> = above.iter().rev().skip(1).collect();
    let last = left.pop();
    let rule = |part: &&Part<'_>| match part.next_sibling() {
        Some(_) => "│  ",
        None => "   ",
    };
    let margin: String = left.iter().map(&rule).collect();
    let own = last.map_or("", |part| match part.next_sibling() {
        Some(_) => "├─ ",
        None => "└─ ",
    });
    let below = last.map_or("", |part| rule(&part));
    let stem = match part.first_child() {
        Some(_) => "│  ",
        None => "   ",
    };
    (format!("{margin}{own}"), format!("{margin}{below}{stem}"))
}

fn described_in_full(part: Part<'_>) -> String {
    let mut line = foreign(&part.content_type().essence());
    if let Some(field) = part.header("Content-Transfer-Encoding") {
        line += &match part.transfer_encoding().name() {
            "" => format!(", {}", foreign(field.text().trim())),
            name => format!(", {name}"),
        };
    }
    match part.first_child() {
        Some(_) => line += &format!(", {} octets as sent", part.span().len()),
        None => line += &format!(", {} octets", part.decoded_len()),
    }
    if let Some(name) = part.file_name() {
        line += &format!(", {}", foreign(&name));
        let safe = part.safe_file_name();
        if safe != name {
            line += &format!(" (saved as {})", foreign(&safe));
        }
    }
    line
}

/// What is odd about a part, and where: in the file, or in what the message around it was decoded to.
fn defects(part: Part<'_>) -> Vec<(usize, DefectKind)> {
    let structure = part.defects().map(|defect| (defect.offset, defect.kind));
    let mut all: Vec<_> = structure.collect();
    let mut add = |offset, kind: DefectKind| {
        if !all.iter().any(|(_, known)| *known == kind) {
            all.push((offset, kind));
        }
    };
    let header = part.span().start;
    let body = part.body_span().start;
    for kind in part.content_type().defects() {
        add(header, kind);
    }
    if part.first_child().is_none() {
        let found = match part.content_type().main() {
            "text" => part.text().defect,
            _ => part.content().defect,
        };
        found.into_iter().for_each(|kind| add(body, kind));
    }
    all.sort_by_key(|(offset, _)| *offset);
    all
}

/// A part on one line, indented by its depth.
pub(in crate::commands) fn described(part: Part<'_>) -> String {
    let depth = std::iter::successors(part.parent(), |part| part.parent()).count();
    let size = match part.first_child() {
        Some(_) => String::new(),
        None => format!(", {} octets", part.content().bytes.len()),
    };
    let name = part.file_name().map(|name| format!(", {}", foreign(&name)));
    let kind = foreign(&part.content_type().essence());
    format!(
        "{}{kind}{size}{}",
        "  ".repeat(depth),
        name.unwrap_or_default()
    )
}
