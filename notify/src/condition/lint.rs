//! Conditions checked against the schema before the first event: fields, operators and values.

use super::ast::{Query, Test};
use super::parse::{Draft, Fault};
use super::scalar::Scalar;
use crate::schema::{FieldKind, Schema};
use crate::walk::{PathError, describe, resolve};
use std::ops::Range;

/// Gives every term the kind of its field; or all that is wrong.
pub(super) fn typed(draft: Draft, table: &str, schema: &Schema) -> Result<Query, Vec<Fault>> {
    let Draft { mut query, spans } = draft;
    let mut faults = Vec::new();
    for (term, (path, value)) in query.terms_mut().zip(spans) {
        match resolve(schema, table, &term.path) {
            Err(error) => faults.push(path_fault(&path, &term.path, error)),
            Ok((kind, _)) => {
                term.kind = kind;
                let whole = path.start..value.end;
                let checked = check(&term.path, &term.kind, &term.test, table, schema);
                if let Err(complaint) = checked {
                    faults.push(complaint.at(whole, value));
                }
            }
        }
    }
    if faults.is_empty() {
        Ok(query)
    } else {
        Err(faults)
    }
}

/// What is wrong, before it has a place.
struct Complaint {
    about: About,
    message: String,
    suggestion: Option<String>,
}

enum About {
    Term,
    Value,
    /// A path in the value.
    Path(usize, usize),
}

impl Complaint {
    fn at(self, term: Range<usize>, value: Range<usize>) -> Fault {
        let span = match self.about {
            About::Term => term,
            About::Value => value,
            About::Path(offset, len) => value.start + offset..value.start + offset + len,
        };
        Fault {
            span,
            message: self.message,
            suggestion: self.suggestion,
        }
    }
}

fn about_term(message: String) -> Result<(), Complaint> {
    Err(Complaint {
        about: About::Term,
        message,
        suggestion: None,
    })
}

fn path_fault(span: &Range<usize>, path: &str, error: PathError) -> Fault {
    let start = span.start + error.offset;
    Fault {
        span: start..start + error.len,
        suggestion: corrected(path, &error),
        message: error.message,
    }
}

/// The whole path, with its faulty step put right.
pub(crate) fn corrected(path: &str, error: &PathError) -> Option<String> {
    let meant = error.suggestion.as_deref()?;
    let head = path.get(..error.offset)?;
    let tail = path.get(error.offset + error.len..)?;
    Some(format!("{head}{meant}{tail}"))
}

/// Says whether the operator fits the field, and the value too.
fn check(
    path: &str,
    kind: &FieldKind,
    test: &Test,
    table: &str,
    schema: &Schema,
) -> Result<(), Complaint> {
    let is = describe(kind);
    match test {
        Test::IsEmpty | Test::IsNotEmpty | Test::Anything => Ok(()),
        Test::Equal(v) | Test::NotEqual(v) if v.is_empty() || v == "NULL" => Ok(()),
        Test::Equal(v) | Test::NotEqual(v) => literal(kind, v),
        Test::In(items) | Test::NotIn(items) => items.iter().try_for_each(|v| literal(kind, v)),
        Test::Compare(_, v) => ordered(path, kind).and_then(|()| literal(kind, v)),
        Test::Between(least, most) => {
            ordered(path, kind)?;
            literal(kind, least)?;
            literal(kind, most)
        }
        Test::Like(v) | Test::NotLike(v) | Test::StartsWith(v) | Test::EndsWith(v) => {
            if !is_text(kind) {
                return about_term(format!("`{path}` is {is}, which has no letters to compare"));
            }
            literal(&FieldKind::String, v)
        }
        Test::EmptyString if is_text(kind) => Ok(()),
        Test::EmptyString => about_term(format!("`{path}` is {is}; use `ISEMPTY`")),
        Test::SameAs(other) | Test::NotSameAs(other) => {
            comparable(path, kind, other, table, schema)
        }
        Test::CompareField(_, other) => {
            ordered(path, kind)?;
            comparable(path, kind, other, table, schema)
        }
        Test::On(_) | Test::NotOn(_) | Test::Relative(..) => {
            if matches!(kind, FieldKind::Date | FieldKind::DateTime) {
                return Ok(());
            }
            about_term(format!("`{path}` is {is}, not a date"))
        }
        Test::Changes | Test::ChangesFrom(_) | Test::ChangesTo(_) if path.contains('.') => {
            about_term(
                "an event knows the changes of its own record only, not of another one".into(),
            )
        }
        Test::Changes => Ok(()),
        Test::ChangesFrom(v) | Test::ChangesTo(v) if v.is_empty() => Ok(()),
        Test::ChangesFrom(v) | Test::ChangesTo(v) => literal(kind, v),
    }
}

fn is_text(kind: &FieldKind) -> bool {
    use FieldKind::{Journal, List, Reference, String};
    matches!(kind, String | Reference(_) | List(_) | Journal)
}

fn ordered(path: &str, kind: &FieldKind) -> Result<(), Complaint> {
    use FieldKind::{Date, DateTime, Decimal, Integer, String};
    match kind {
        String | Integer | Decimal | Date | DateTime => Ok(()),
        other => about_term(format!(
            "`{path}` is {}, which is neither less nor greater than anything",
            describe(other)
        )),
    }
}

fn literal(kind: &FieldKind, value: &str) -> Result<(), Complaint> {
    let complain = |message| {
        Err(Complaint {
            about: About::Value,
            message,
            suggestion: None,
        })
    };
    if value.is_empty() {
        return complain("a value is expected here".into());
    }
    if Scalar::from_text(kind, value).is_none() {
        let example = match kind {
            FieldKind::DateTime => " such as `2026-11-23T08:00:00Z`",
            FieldKind::Date => " such as `2026-11-23`",
            _ => "",
        };
        return complain(format!("`{value}` is not {}{example}", describe(kind)));
    }
    Ok(())
}

fn comparable(
    path: &str,
    kind: &FieldKind,
    other: &str,
    table: &str,
    schema: &Schema,
) -> Result<(), Complaint> {
    use FieldKind::{Date, DateTime, Decimal, Integer};
    let (other_kind, _) = resolve(schema, table, other).map_err(|error| Complaint {
        // In the query each `^` of it stands twice, so that only the whole can be pointed at.
        about: match other.contains('^') {
            true => About::Value,
            false => About::Path(error.offset, error.len),
        },
        suggestion: corrected(other, &error),
        message: error.message,
    })?;
    let alike = match (kind, &other_kind) {
        (Integer | Decimal, Integer | Decimal) | (Date | DateTime, Date | DateTime) => true,
        (a, b) => a == b || (is_text(a) && is_text(b)),
    };
    if alike {
        return Ok(());
    }
    let (is, other_is) = (describe(kind), describe(&other_kind));
    Err(Complaint {
        about: About::Value,
        message: format!("`{path}` is {is} and `{other}` is {other_is}: they cannot be compared"),
        suggestion: None,
    })
}
