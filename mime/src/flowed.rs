//! Text that flows (RFC 3676): lines that end with a space go on in the next line.
//!
//! ```text
//! paragraph   = 1*flowed-line fixed-line
//! flowed-line = ( [ quote ] [ stuffing ] 1*text-char flow CRLF )
//! quote       = 1*">"
//! sig-sep     = [ quote ] "-- " CRLF
//! ```

use std::borrow::Cow;

/// Lines that are written have at most this many characters (§4.2).
const WIDTH: usize = 72;

/// Whether the space at the end of a flowed line is part of the text (§4.1, `DelSp`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrailingSpace {
    /// `DelSp=no`: it separates words.
    #[default]
    Kept,
    /// `DelSp=yes`: it only marks the line.
    Deleted,
}

/// Joins the lines of flowed text to paragraphs. Line ends become LF; quotes are marked `> `.
///
/// ```
/// use postrider_mime::flowed::{TrailingSpace, unflow};
///
/// assert_eq!(unflow("one \r\ntwo\r\n>> deep \r\n>> quote\r\n", TrailingSpace::Kept), "one two\n> > deep quote\n");
/// ```
pub fn unflow(text: &str, trailing: TrailingSpace) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.lines() {
        let content = line.trim_start_matches('>');
        let depth = line.len() - content.len();
        let content = content.strip_prefix(' ').unwrap_or(content);
        let signature = content == "-- ";
        let flows = content.ends_with(' ') && !signature;
        // A paragraph ends where the depth of its quote changes.
        match open {
            Some(before) if before == depth && !signature => {}
            Some(_) => {
                out.push('\n');
                out.extend(std::iter::repeat_n("> ", depth));
            }
            None => out.extend(std::iter::repeat_n("> ", depth)),
        }
        let deleted = flows && trailing == TrailingSpace::Deleted;
        out.push_str(if deleted {
            content.strip_suffix(' ').unwrap_or(content)
        } else {
            content
        });
        open = flows.then_some(depth);
        if !flows {
            out.push('\n');
        }
    }
    if open.is_some() {
        out.push('\n');
    }
    out
}

/// Writes paragraphs, one a line, as flowed text with `DelSp=no` and CRLF. What was quoted with `> ` stays quoted; a paragraph
/// is not broken where the marks of its quote fill a line.
///
/// White space at the ends of lines is dropped: it would make them flow.
pub fn flow(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for line in text.lines() {
        let (depth, content) = quote(line);
        let content = if content == "-- " {
            content
        } else {
            content.trim_end()
        };
        let mark = ">".repeat(depth);
        let room = WIDTH.checked_sub(depth + 1).filter(|room| *room > 0);
        let room = room.unwrap_or(usize::MAX);
        let mut rest = content;
        loop {
            let end = break_at(rest, room);
            let (now, later) = rest.split_at(end);
            out.push_str(&mark);
            out.push_str(if depth > 0 || needs_stuffing(now) {
                " "
            } else {
                ""
            });
            out.push_str(now);
            out.push_str("\r\n");
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
    }
    out
}

/// Splits the marks of a quote from a line.
fn quote(line: &str) -> (usize, &str) {
    let mut depth = 0;
    let mut rest = line;
    while let Some(after) = rest.strip_prefix('>') {
        depth += 1;
        rest = after
            .strip_prefix(' ')
            .filter(|r| r.starts_with('>'))
            .unwrap_or(after);
    }
    (
        depth,
        if depth > 0 {
            rest.strip_prefix(' ').unwrap_or(rest)
        } else {
            rest
        },
    )
}

/// §4.4: what could be mistaken gets a space before it.
fn needs_stuffing(line: &str) -> bool {
    line.starts_with(' ') || line.starts_with('>') || line.starts_with("From ")
}

/// Where a line is broken: behind the last space that fits, or the first one. No break makes a line `-- `, which would separate a
/// signature (§4.3).
fn break_at(text: &str, room: usize) -> usize {
    if text.len() <= room || text == "-- " {
        return text.len();
    }
    let bytes = text.as_bytes();
    let separator = Some(&b"-- "[..]);
    let breaks = |at: &usize| bytes.get(*at) == Some(&b' ') && bytes.get(..=*at) != separator;
    let within = (1..room).rev().find(breaks);
    let at = within.or_else(|| (room..bytes.len()).find(breaks));
    at.map_or(text.len(), |at| at + 1)
}

/// The text of a part as paragraphs, if its type says that it flows (§4.1).
pub(crate) fn unflowed<'t>(
    text: Cow<'t, str>,
    content_type: &crate::ContentType<'_>,
) -> Cow<'t, str> {
    let parameter = |name: &str, value: &str| {
        content_type
            .parameter(name)
            .is_some_and(|v| v.eq_ignore_ascii_case(value))
    };
    if !content_type.is("text", "plain") || !parameter("format", "flowed") {
        return text;
    }
    let trailing = if parameter("delsp", "yes") {
        TrailingSpace::Deleted
    } else {
        TrailingSpace::Kept
    };
    Cow::Owned(unflow(&text, trailing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3676_4_2_soft_breaks_join_lines() {
        assert_eq!(
            unflow(
                "`Take some more tea,' the March Hare said \r\nto Alice.\r\n\r\nx",
                TrailingSpace::Kept
            ),
            "`Take some more tea,' the March Hare said to Alice.\n\nx\n"
        );
        assert_eq!(
            unflow("日本 \r\n語\r\n", TrailingSpace::Deleted),
            "日本語\n"
        );
    }

    #[test]
    fn rfc3676_4_3_a_signature_separator_never_flows() {
        assert_eq!(
            unflow("bye \r\n-- \r\nJo\r\n", TrailingSpace::Kept),
            "bye \n-- \nJo\n"
        );
    }

    #[test]
    fn rfc3676_4_3_no_break_makes_a_signature_separator() {
        let (url, words) = ("x".repeat(80), "word ".repeat(14));
        for text in [
            format!("-- {url}\n"),
            format!("-- {url} and more\n"),
            format!("{words}-- {url}\n"),
            format!("> -- {url}\n"),
            format!("{} -- {url} x\n", "> ".repeat(68).trim_end()),
            format!("--  {url}\n"),
            "-- \nJo\n".to_owned(),
        ] {
            let flowed = flow(&text);
            assert_eq!(unflow(&flowed, TrailingSpace::Kept), text);
            let separators = flowed.lines().filter(|l| l.ends_with("-- ")).count();
            assert_eq!(separators, text.lines().filter(|l| *l == "-- ").count());
        }
    }

    #[test]
    fn deep_quotes_take_linear_time() {
        for depth in [70, 71, 72, 73, 5_000] {
            let text = "> ".repeat(depth) + "a" + &" a".repeat(5_000) + "\n";
            let flowed = flow(&text);
            assert!(flowed.len() < 40 * text.len(), "{depth}: {}", flowed.len());
            assert_eq!(flowed.lines().count() == 1, depth > 70, "{depth}");
            assert_eq!(unflow(&flowed, TrailingSpace::Kept), text, "{depth}");
        }
    }

    #[test]
    fn rfc3676_4_5_a_change_of_depth_ends_a_paragraph() {
        assert_eq!(
            unflow("> a \r\n>> b\r\n> c \r\nd", TrailingSpace::Kept),
            "> a \n> > b\n> c \nd\n"
        );
    }

    #[test]
    fn what_is_written_reads_back() {
        let long = "word ".repeat(60).trim_end().to_owned();
        let text = format!(
            "{long}\n From here\n> {long}\n>> deep\n-- \nJo\n\n{}\n",
            "x".repeat(200)
        );
        let flowed = flow(&text);
        assert!(
            flowed
                .lines()
                .filter(|l| l.contains(' '))
                .all(|l| l.len() <= 76)
        );
        assert_eq!(
            unflow(&flowed, TrailingSpace::Kept),
            text.replace(">> deep", "> > deep")
        );
    }

    #[test]
    fn rfc3676_4_4_what_could_be_mistaken_is_stuffed_and_nothing_else() {
        let a = "a".repeat(70);
        for (text, flowed) in [
            ("a b\n", "a b\r\n"),
            (" a\nFrom me\nFrom\n", "  a\r\n From me\r\nFrom\r\n"),
            (">a\n> b\n", "> a\r\n> b\r\n"),
            (&*format!("{a} >x\n"), &*format!("{a} \r\n >x\r\n")),
            (
                &*format!("{a} From me\n"),
                &*format!("{a} \r\n From me\r\n"),
            ),
        ] {
            assert_eq!(flow(text), flowed);
        }
    }

    #[test]
    fn rfc3676_4_2_lines_have_72_characters_at_most() {
        for depth in 0..6 {
            let flowed = flow(&(">".repeat(depth) + &"a ".repeat(500)));
            let longest = flowed.lines().map(str::len).max();
            assert!(matches!(longest, Some(70..=72)), "{depth}: {longest:?}");
        }
    }

    #[test]
    fn rfc3676_4_1_text_flows_where_its_type_says_so_only() {
        let text = "a \r\nb\r\n";
        for (content_type, expected) in [
            ("text/plain; format=flowed", "a b\n"),
            ("text/plain; format=Flowed; delsp=YES", "ab\n"),
            ("text/plain; format=flowed; delsp=no", "a b\n"),
            ("text/plain; format=fixed", text),
            ("text/plain", text),
            ("text/html; format=flowed", text),
        ] {
            let header = format!("Content-Type: {content_type}\r\n\r\n");
            let message = crate::Message::parse(header.as_bytes());
            let read = unflowed(text.into(), &message.root().content_type());
            assert_eq!(read, expected, "{content_type}");
        }
    }
}
