//! The writer's lines as a text again.

use super::is_blank;

/// Takes lines of underscores, dashes and stars off the end: they parted the text from what is gone.
pub(super) fn drop_rules(own: &mut Vec<&str>) {
    let is_rule = |line: &str| {
        line.trim()
            .chars()
            .all(|c| matches!(c, '_' | '-' | '*' | '=' | '—' | '\u{a0}'))
    };
    while own
        .last()
        .is_some_and(|line| is_blank(line) || is_rule(line))
    {
        own.pop();
    }
}

/// Joins the lines, trimmed, with at most one empty line in a row.
pub(super) fn joined(lines: &[&str]) -> String {
    let mut text = String::with_capacity(lines.iter().map(|line| line.len() + 1).sum());
    let mut gap = false;
    for line in lines {
        if is_blank(line) {
            gap = !text.is_empty();
            continue;
        }
        if text.is_empty() {
            text.push_str(line.trim());
            continue;
        }
        text.push_str(if gap { "\n\n" } else { "\n" });
        gap = false;
        text.push_str(line.trim_end());
    }
    text
}
