//! ServiceNow's spellings, rewritten when a template is loaded.
//!
//! | written | read as |
//! |---|---|
//! | `${mail_script:name}` | `${mail_script('name')}` |
//! | `${comments:3}` | `${journal('comments', 3)}` |
//! | `${URI+view=x}` | `${uri(view='x')}` |
//! | `${notification:body}` | `{% block body %}{% endblock %}` |
//! | `${mailto:name}` | `${mailto('name')}` |
//! | `${NOTIF_UNSUB+link_text="No more"}` | `${notif_unsub('No more')}` |
//! | `${NOTIF_PREFS}` | `${notif_prefs()}` |

use super::scan::{Place, codes};
use std::ops::Range;

/// A template as the engine reads it, and how places in it relate to places in what was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rewritten {
    pub(super) text: String,
    /// For each replacement: its place in `text`, and the place of what it replaced.
    pub(super) places: Vec<(Range<usize>, Range<usize>)>,
}

impl Rewritten {
    /// The place in what was written.
    pub(super) fn original(&self, span: Range<usize>) -> Range<usize> {
        let mut shift = 0isize;
        for (new, old) in &self.places {
            if span.start < new.start {
                break;
            }
            if span.start < new.end {
                return old.clone();
            }
            shift = old.end.cast_signed() - new.end.cast_signed();
        }
        let back = |at: usize| at.saturating_add_signed(shift);
        back(span.start)..back(span.end)
    }
}

/// Why a spelling is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) span: Range<usize>,
    pub(super) message: String,
}

/// Rewrites a template.
pub(super) fn rewrite(source: &str) -> Result<Rewritten, Refused> {
    let mut out = Rewritten::default();
    let mut copied = 0;
    for code in codes(source)
        .into_iter()
        .filter(|code| code.place == Place::Value)
    {
        let old = code.span.start - 2..(code.span.end + 1).min(source.len());
        let written = source.get(code.span.clone()).unwrap_or_default().trim();
        let new = match spelling(written) {
            Ok(Some(new)) => new,
            Ok(None) => continue,
            Err(message) => return Err(Refused { span: old, message }),
        };
        out.text
            .push_str(source.get(copied..old.start).unwrap_or_default());
        let start = out.text.len();
        out.text.push_str(&new);
        out.places.push((start..out.text.len(), old.clone()));
        copied = old.end;
    }
    out.text.push_str(source.get(copied..).unwrap_or_default());
    Ok(out)
}

/// What a ServiceNow spelling means here; `None` if it is none.
fn spelling(code: &str) -> Result<Option<String>, String> {
    let is_word = |s: &str| {
        !s.is_empty()
            && s.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.'))
    };
    let (name, rest) = match code.split_once([':', '+']) {
        Some((name, rest)) if is_word(name) => (name, rest),
        _ if matches!(code, "NOTIF_UNSUB" | "NOTIF_PREFS") => return link(code, "").map(Some),
        _ => return Ok(None),
    };
    let colon = code.as_bytes().get(name.len()) == Some(&b':');
    match (name, colon) {
        ("mail_script", true) if is_word(rest) => Ok(Some(format!("${{mail_script('{rest}')}}"))),
        ("notification", true) if rest == "body" => {
            Ok(Some("{% block body %}{% endblock %}".into()))
        }
        ("mailto", true) if is_word(rest) => Ok(Some(format!("${{mailto('{rest}')}}"))),
        ("NOTIF_UNSUB" | "NOTIF_PREFS", false) => link(name, rest).map(Some),
        ("URI" | "URI_REF", false) => Ok(Some(format!("${{uri({})}}", arguments(rest)?))),
        (_, true) if rest.parse::<u16>().is_ok() => {
            let field = name.strip_prefix("current.").unwrap_or(name);
            Ok(Some(format!("${{journal('{field}', {rest})}}")))
        }
        _ => Ok(None),
    }
}

/// `link_text="No more of these"` → `notif_unsub('No more of these')`
fn link(name: &str, rest: &str) -> Result<String, String> {
    let function = name.to_ascii_lowercase();
    if rest.is_empty() {
        return Ok(format!("${{{function}()}}"));
    }
    let text = rest
        .strip_prefix("link_text=")
        .map(|text| text.trim_matches('"'))
        .filter(|text| !text.is_empty() && !text.contains(['"', '\'', '\\']));
    match text {
        Some(text) => Ok(format!("${{{function}('{text}')}}")),
        None => Err(format!("`${{{name}+link_text=\"TEXT\"}}` is expected")),
    }
}

/// `view=x&other=y` → `view='x', other='y'`
fn arguments(text: &str) -> Result<String, String> {
    let mut words = Vec::new();
    for pair in text.split('&') {
        let (name, value) = pair
            .split_once('=')
            .ok_or("`NAME=VALUE` is expected after `+`")?;
        let good = |s: &str, more: &[u8]| {
            !s.is_empty()
                && s.bytes()
                    .all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
        };
        let value = value.trim_matches('"');
        if !good(name, b"_") || !good(value, b"_-. ") {
            return Err("`NAME=VALUE` is expected after `+`".into());
        }
        words.push(format!("{name}='{value}'"));
    }
    Ok(words.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servicenow_spellings_become_calls() {
        let rewritten = |source| rewrite(source).unwrap().text;
        assert_eq!(
            rewritten("a ${mail_script:header} b"),
            "a ${mail_script('header')} b"
        );
        assert_eq!(
            rewritten("${comments:3}${current.work_notes:1}"),
            "${journal('comments', 3)}${journal('work_notes', 1)}"
        );
        assert_eq!(
            rewritten("${URI+sysparm_view=ess}"),
            "${uri(sysparm_view='ess')}"
        );
        assert_eq!(
            rewritten("<b>${notification:body}</b>"),
            "<b>{% block body %}{% endblock %}</b>"
        );
        for same in [
            "${a.b}",
            "${a + b}",
            "${x if y else {'a': 1}}",
            "${a+b}",
            "${'a:3'}",
        ] {
            assert_eq!(rewritten(same), same);
        }
    }

    #[test]
    fn places_lead_back_to_what_was_written() {
        let source = "${comments:3} ${nope} ${URI+a=b} ${nope2}";
        let rewritten = rewrite(source).unwrap();
        for word in ["nope}", "nope2"] {
            let at = rewritten.text.find(word).unwrap();
            let back = rewritten.original(at..at + word.len());
            assert_eq!(source.get(back), Some(word));
        }
        let inside = rewritten.text.find("journal").unwrap();
        assert_eq!(
            source.get(rewritten.original(inside..inside + 1)),
            Some("${comments:3}")
        );
    }

    #[test]
    fn links_may_have_a_text_of_their_own() {
        let rewritten = |source| rewrite(source).unwrap().text;
        assert_eq!(
            rewritten("x ${NOTIF_UNSUB+link_text=\"No more, please\"}"),
            "x ${notif_unsub('No more, please')}"
        );
        assert_eq!(rewritten("${NOTIF_PREFS}"), "${notif_prefs()}");
        assert_eq!(rewritten("${mailto:approve}"), "${mailto('approve')}");
        let refused = rewrite("x ${NOTIF_UNSUB+text=go}").unwrap_err();
        assert_eq!(
            (refused.span.start, refused.message.as_str()),
            (2, "`${NOTIF_UNSUB+link_text=\"TEXT\"}` is expected")
        );
        assert!(rewrite("${URI+view}").is_err());
    }
}
