//! The subject that the messages of a thread share (RFC 5256 §2.1).
//!
//! ```text
//! subject     = *subj-leader [subj-middle] *subj-trailer
//! subj-leader = (*subj-blob subj-refwd) / WSP
//! subj-refwd  = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":"
//! subj-blob   = "[" *BLOBCHAR "]" *WSP
//! subj-fwd    = "[fwd:" subject "]"
//! subj-trailer = "(fwd)" / WSP
//! ```

use std::borrow::Cow;

use crate::message::Message;

impl Message<'_> {
    /// The subject without `Re:`, `Fwd:`, list marks and the like (RFC 5256 §2.1): equal for all messages of a thread.
    pub fn base_subject(&self) -> Option<String> {
        self.subject().map(|subject| base_subject(&subject))
    }
}

/// Takes from a subject what answers, forwards and lists add to it (RFC 5256 §2.1).
///
/// ```
/// use postrider_mime::thread::base_subject;
///
/// assert_eq!(base_subject("Re: [ops] FWD: Re: disk  full (fwd)"), "disk full");
/// ```
pub fn base_subject(subject: &str) -> String {
    let collapsed = subject
        .split_ascii_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let mut rest: &str = &collapsed;
    loop {
        rest = without_trailers(rest);
        rest = without_leaders(rest);
        match strip_fwd(rest) {
            Some(inner) => rest = inner,
            None => return rest.to_owned(),
        }
    }
}

/// Step 2.
fn without_trailers(mut text: &str) -> &str {
    loop {
        text = text.trim_end();
        match strip_suffix_no_case(text, "(fwd)") {
            Some(before) => text = before,
            None => return text,
        }
    }
}

/// Steps 3 to 5.
fn without_leaders(mut text: &str) -> &str {
    loop {
        text = text.trim_start();
        // Of several blobs in a row the last one stays where nothing follows it.
        let mut last = text;
        let mut rest = text;
        while let Some(after) = blob(rest) {
            last = rest;
            rest = after;
        }
        match refwd(rest) {
            Some(after) => text = after,
            None if rest.is_empty() => return last,
            None => return rest,
        }
    }
}

/// `subj-refwd`
fn refwd(text: &str) -> Option<&str> {
    let word = ["fwd", "fw", "re"]
        .into_iter()
        .find_map(|word| strip_prefix_no_case(text, word))?
        .trim_start();
    blob(word).unwrap_or(word).strip_prefix(':')
}

/// `subj-blob`
fn blob(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('[')?;
    let end = inside.find(['[', ']'])?;
    Some(inside.get(end..)?.strip_prefix(']')?.trim_start())
}

/// Step 6.
fn strip_fwd(text: &str) -> Option<&str> {
    strip_prefix_no_case(text, "[fwd:")?.strip_suffix(']')
}

fn strip_prefix_no_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let found = text.get(..prefix.len())?;
    found
        .eq_ignore_ascii_case(prefix)
        .then(|| text.get(prefix.len()..))?
}

fn strip_suffix_no_case<'t>(text: &'t str, suffix: &str) -> Option<&'t str> {
    let at = text.len().checked_sub(suffix.len())?;
    text.get(at..)?
        .eq_ignore_ascii_case(suffix)
        .then(|| text.get(..at))?
}

/// The subject of an answer: `Re: ` before the subject, unless it is there.
///
/// ```
/// use postrider_mime::thread::reply_subject;
///
/// assert_eq!(reply_subject("disk full"), "Re: disk full");
/// assert_eq!(reply_subject("RE: disk full"), "RE: disk full");
/// ```
pub fn reply_subject(subject: &str) -> Cow<'_, str> {
    match strip_prefix_no_case(subject.trim_start(), "re:") {
        Some(_) => subject.into(),
        None => format!("Re: {subject}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5256_2_1_what_is_added_is_taken_away() {
        for (subject, base) in [
            ("hello", "hello"),
            ("Re: hello", "hello"),
            ("RE : [x] hello (FWD) ", "hello"),
            ("[list] re[2]: hello", "hello"),
            ("[list]", "[list]"),
            ("[fwd: Re: hello]", "hello"),
            ("Fw: [fwd: hello] (fwd)", "hello"),
            ("re: ", ""),
            ("Re hello", "Re hello"),
            ("reply: x", "reply: x"),
            ("é", "é"),
        ] {
            assert_eq!(base_subject(subject), base, "{subject}");
        }
    }

    #[test]
    fn long_chains_take_linear_time() {
        let subject = "[".repeat(50_000) + &"re: ".repeat(50_000) + "x";
        assert_eq!(base_subject(&subject).len(), subject.len());
        assert_eq!(base_subject(&("re: ".repeat(50_000) + "x")), "x");
        assert_eq!(base_subject(&("[a]".repeat(50_000) + "x")), "x");
    }
}
