//! The grammar of encoded queries.
//!
//! ```abnf
//! query       = [ alternative *( "^NQ" alternative ) [ "^EQ" ] ]
//! alternative = clause *( "^" clause )
//! clause      = term *( "^OR" term )
//! term        = path operator [ value ]
//! path        = name *( "." name )
//! name        = lower *( lower / DIGIT / "_" )
//! value       = *( %x00-5D / "^^" / %x5F-10FFFF )
//! ```

use super::ast::{Alternative, Clause, Query, Term, Test};
use super::operand::test;
use super::operator::{Operator, SPELLINGS};
use super::{MAX_LEN, MAX_TERMS};
use crate::schema::FieldKind;
use crate::suggest::nearest;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::combinator::{eof, not, opt, peek, value};
use nom::error::{ErrorKind, ParseError};
use nom::multi::{fold_many0, separated_list1};
use nom::sequence::{pair, terminated};
use nom::{IResult, Parser};
use std::ops::Range;

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) suggestion: Option<String>,
}

/// A query that has not seen the schema yet, and where each term's path and value stand.
pub(super) struct Draft {
    pub(super) query: Query,
    pub(super) spans: Vec<(Range<usize>, Range<usize>)>,
}

/// Reads a query.
pub(super) fn query(text: &str) -> Result<Draft, Fault> {
    if text.len() > MAX_LEN {
        return Err(whole(
            text,
            format!("a condition has at most {MAX_LEN} octets"),
        ));
    }
    if text.is_empty() {
        return Ok(Draft {
            query: Query::default(),
            spans: Vec::new(),
        });
    }
    let fault = |mishap: Mishap<'_>| Fault {
        span: {
            let start = text.len() - mishap.at.len();
            start..start + mishap.len
        },
        message: mishap.message,
        suggestion: mishap.suggestion,
    };
    let read = match alternatives(text) {
        Ok((_, read)) => read,
        Err(nom::Err::Error(mishap) | nom::Err::Failure(mishap)) => return Err(fault(mishap)),
        Err(nom::Err::Incomplete(_)) => return Err(whole(text, "the condition is cut off".into())),
    };
    let mut spans = Vec::new();
    let alternatives = read
        .into_iter()
        .map(|clauses| Alternative {
            clauses: clauses
                .into_iter()
                .map(|terms| Clause {
                    terms: terms
                        .into_iter()
                        .map(|t| keep(text, t, &mut spans))
                        .collect(),
                })
                .collect(),
        })
        .collect();
    if spans.len() > MAX_TERMS {
        return Err(whole(
            text,
            format!(
                "a condition has at most {MAX_TERMS} terms, this one has {}",
                spans.len()
            ),
        ));
    }
    Ok(Draft {
        query: Query { alternatives },
        spans,
    })
}

fn keep(text: &str, read: Read<'_>, spans: &mut Vec<(Range<usize>, Range<usize>)>) -> Term {
    // Both are slices of `text`, so their distance to its end gives their place.
    let from = |rest: &str| text.len() - rest.len();
    let path = from(read.from)..from(read.from) + read.path.len();
    spans.push((path, from(read.value)..from(read.rest)));
    Term {
        path: read.path.to_owned(),
        kind: FieldKind::String,
        test: read.test,
    }
}

fn whole(text: &str, message: String) -> Fault {
    Fault {
        span: 0..text.len(),
        message,
        suggestion: None,
    }
}

/// A term as it was read, with the input at its path, at its value and behind it.
struct Read<'q> {
    from: &'q str,
    path: &'q str,
    value: &'q str,
    rest: &'q str,
    test: Test,
}

/// Our error for nom: the input where it happened, and what to say.
#[derive(Debug, PartialEq)]
struct Mishap<'q> {
    at: &'q str,
    len: usize,
    message: String,
    suggestion: Option<String>,
}

impl<'q> ParseError<&'q str> for Mishap<'q> {
    fn from_error_kind(at: &'q str, _: ErrorKind) -> Self {
        let (len, message) = (at.chars().next().map_or(0, char::len_utf8), String::new());
        Self {
            at,
            len,
            message,
            suggestion: None,
        }
    }

    fn append(_: &'q str, _: ErrorKind, other: Self) -> Self {
        other
    }
}

type Parsed<'q, T> = IResult<&'q str, T, Mishap<'q>>;

fn stop<T>(
    at: &str,
    len: usize,
    message: impl Into<String>,
    suggestion: Option<String>,
) -> Parsed<'_, T> {
    Err(nom::Err::Failure(Mishap {
        at,
        len,
        message: message.into(),
        suggestion,
    }))
}

/// `alternative *( "^NQ" alternative ) [ "^EQ" ]`
fn alternatives(input: &str) -> Parsed<'_, Vec<Vec<Vec<Read<'_>>>>> {
    let alternative = separated_list1(and, separated_list1(tag("^OR"), term));
    let (rest, read) = separated_list1(tag("^NQ"), alternative).parse(input)?;
    terminated(opt(tag("^EQ")), eof).parse(rest)?;
    Ok(("", read))
}

/// `"^"`, but not the one of `^NQ` or of the closing `^EQ`.
fn and(input: &str) -> Parsed<'_, &str> {
    let (rest, sign) = terminated(
        tag("^"),
        peek(not(alt((tag("NQ"), terminated(tag("EQ"), eof))))),
    )
    .parse(input)?;
    Ok((rest, sign))
}

/// `path operator [ value ]`
fn term(from: &str) -> Parsed<'_, Read<'_>> {
    let (after, path) = path(from)?;
    let (value, (spelling, operator)) = operator(after)?;
    let (rest, text) = read_value(value)?;
    if operator.stands_alone() && !text.is_empty() {
        let len = value.len() - rest.len();
        return stop(value, len, format!("nothing may follow `{spelling}`"), None);
    }
    let test = match test(operator, spelling, text) {
        Ok(test) => test,
        Err((message, suggestion)) => {
            // An operator that is not supported is pointed at itself, a bad value at the value.
            let at = if operator == Operator::Unsupported {
                after
            } else {
                value
            };
            let len = if operator == Operator::Unsupported {
                spelling.len()
            } else {
                value.len() - rest.len()
            };
            return stop(at, len, message, suggestion);
        }
    };
    Ok((
        rest,
        Read {
            from,
            path,
            value,
            rest,
            test,
        },
    ))
}

/// `path = name *( "." name )`; that each name exists is for the schema to say.
fn path(input: &str) -> Parsed<'_, &str> {
    let name = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '.');
    let (rest, path) = take_while(name).parse(input)?;
    for word in ["ORDERBYDESC", "ORDERBY", "GROUPBY", "GOTO"] {
        // `^ORDERBY` has been read up to `^OR` already.
        let word = if input.starts_with(word) {
            word
        } else {
            word.strip_prefix("OR").unwrap_or(word)
        };
        if path.is_empty() && input.starts_with(word) {
            return stop(
                input,
                word.len(),
                "a condition has no order and no groups: leave this out",
                None,
            );
        }
    }
    if path.is_empty() {
        let len = input.chars().next().map_or(0, char::len_utf8);
        return stop(
            input,
            len,
            "a field name in lower case is expected here",
            None,
        );
    }
    Ok((rest, path))
}

fn operator(input: &str) -> Parsed<'_, (&'static str, Operator)> {
    let fits = SPELLINGS
        .iter()
        .filter(|(spelling, _)| input.starts_with(spelling));
    if let Some(&(spelling, operator)) = fits.max_by_key(|(spelling, _)| spelling.len()) {
        return Ok((
            input.get(spelling.len()..).unwrap_or_default(),
            (spelling, operator),
        ));
    }
    let spellings = SPELLINGS.iter().map(|(spelling, _)| *spelling);
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ' ';
    let word: IResult<&str, &str> = take_while1(letter).parse(input);
    let (len, hint) = match word {
        Ok((_, word)) => (word.len(), near_prefix(word)),
        Err(_) => {
            let sign: String = input
                .chars()
                .take_while(|c| "=!<>~&|".contains(*c))
                .collect();
            let next = input.chars().next().map_or(0, char::len_utf8);
            (sign.len().max(next), nearest(&sign, spellings))
        }
    };
    let message = if input.is_empty() || input.starts_with('^') {
        "an operator is expected here, such as `=` or `ISNOTEMPTY`"
    } else {
        "there is no such operator"
    };
    stop(input, len, message, hint.map(str::to_owned))
}

/// The operator that a word begins with, if it were spelt right: `LIEKfoo` → `LIKE`.
fn near_prefix(word: &str) -> Option<&'static str> {
    let words = SPELLINGS
        .iter()
        .map(|(spelling, _)| *spelling)
        .filter(|s| s.len() > 1);
    let near = words.filter_map(|spelling| {
        let head: String = word.chars().take(spelling.len()).collect();
        nearest(&head, [spelling])
    });
    near.max_by_key(|spelling| spelling.len())
}

/// `value = *( any but "^" / "^^" )`
fn read_value(input: &str) -> Parsed<'_, String> {
    let piece = alt((
        take_while1(|c| c != '^'),
        value("^", pair(tag("^"), tag("^"))),
    ));
    fold_many0(piece, String::new, |mut text: String, piece: &str| {
        text.push_str(piece);
        text
    })
    .parse(input)
}
