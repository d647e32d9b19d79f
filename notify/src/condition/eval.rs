//! Conditions evaluated: total, with the deciding term and the values that it saw.

use super::ast::{Clause, Day, Order, Query, Term, Test};
use super::facts::{Facts, set, shown};
use super::moment::{day_of, moment_of};
use super::scalar::Scalar;
use crate::schema::FieldKind;
use crate::store::StoreError;
use jiff::Timestamp;
use serde_json::Value;

/// What one term said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not.
    False,
    /// The question makes no sense for these values; counts as false.
    NotComparable,
}

/// How a term is joined to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// It is the first.
    First,
    /// `^`: both must hold.
    And,
    /// `^OR`: one of them must hold.
    Or,
    /// `^NQ`: a new alternative begins.
    Alternative,
}

/// One term and what it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermVerdict {
    /// How it is joined to the term before.
    pub joint: Joint,
    /// The term: `priority<=2`.
    pub term: String,
    /// What it said.
    pub truth: Truth,
    /// The values it saw: `priority is 4`.
    pub saw: String,
}

/// What a query said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it holds.
    pub holds: bool,
    /// The first term that decided, and the values it saw.
    pub because: String,
}

impl Query {
    /// Asks.
    ///
    /// # Errors
    /// Those of the directory; the values themselves can cause none.
    pub fn evaluate(&self, facts: &Facts<'_>) -> Result<Verdict, StoreError> {
        let mut reasons = Vec::new();
        for alternative in &self.alternatives {
            match first_false(&alternative.clauses, facts)? {
                Some(reason) => reasons.push(reason),
                None => return held(&alternative.clauses, facts),
            }
        }
        Ok(Verdict {
            holds: self.is_empty(),
            because: if self.is_empty() {
                "no condition".into()
            } else {
                reasons.join("; ")
            },
        })
    }

    /// Asks every term, also those that decide nothing.
    ///
    /// # Errors
    /// Those of the directory.
    pub fn explain(&self, facts: &Facts<'_>) -> Result<Vec<TermVerdict>, StoreError> {
        let mut said = Vec::new();
        for (a, alternative) in self.alternatives.iter().enumerate() {
            for (c, clause) in alternative.clauses.iter().enumerate() {
                for (t, term) in clause.terms.iter().enumerate() {
                    let joint = match (a, c, t) {
                        (0, 0, 0) => Joint::First,
                        (_, 0, 0) => Joint::Alternative,
                        (_, _, 0) => Joint::And,
                        _ => Joint::Or,
                    };
                    let (truth, saw) = term.ask(facts)?;
                    said.push(TermVerdict {
                        joint,
                        term: term.to_string(),
                        truth,
                        saw,
                    });
                }
            }
        }
        Ok(said)
    }
}

/// The first clause that is false, in words.
fn first_false(clauses: &[Clause], facts: &Facts<'_>) -> Result<Option<String>, StoreError> {
    for clause in clauses {
        let mut saw: Vec<String> = Vec::new();
        let mut any = false;
        for term in &clause.terms {
            let (truth, values) = term.ask(facts)?;
            any |= truth == Truth::True;
            if any {
                break;
            }
            if !saw.contains(&values) {
                saw.push(values);
            }
        }
        if !any {
            return Ok(Some(format!("`{clause}` is false: {}", saw.join(", "))));
        }
    }
    Ok(None)
}

/// All clauses hold: what they saw.
fn held(clauses: &[Clause], facts: &Facts<'_>) -> Result<Verdict, StoreError> {
    let mut saw: Vec<String> = Vec::new();
    for clause in clauses {
        for term in &clause.terms {
            let (truth, values) = term.ask(facts)?;
            if truth == Truth::True {
                // Of `f is 1` and `f is 1, was 2` the second says it all.
                if !saw.iter().any(|other| other.starts_with(&values)) {
                    saw.retain(|other| !values.starts_with(other.as_str()));
                    saw.push(values);
                }
                break;
            }
        }
    }
    Ok(Verdict {
        holds: true,
        because: saw.join(", "),
    })
}

impl Term {
    /// What it says, and the values it saw.
    fn ask(&self, facts: &Facts<'_>) -> Result<(Truth, String), StoreError> {
        let value = set(facts.walk(facts.current, &self.path)?);
        let mut saw = format!("{} is {}", self.path, shown(value.as_ref()));
        let truth = match &self.test {
            Test::SameAs(path) | Test::NotSameAs(path) | Test::CompareField(_, path) => {
                let other = set(facts.walk(facts.current, path)?);
                saw = format!("{saw}, {path} is {}", shown(other.as_ref()));
                self.against_field(value.as_ref(), other.as_ref(), path, facts)
            }
            Test::Changes | Test::ChangesFrom(_) | Test::ChangesTo(_) => {
                let (changed, before) = facts.change(&self.path, &self.kind, value.as_ref());
                saw = match changed {
                    Some(_) => format!("{saw}, was {}", shown(before.as_ref())),
                    None => format!("{saw}, and the event changes no record"),
                };
                self.against_change(changed, before.as_ref(), value.as_ref())
            }
            Test::Like(text)
            | Test::NotLike(text)
            | Test::StartsWith(text)
            | Test::EndsWith(text) => {
                let texts = facts.texts(&self.kind, value.as_ref())?;
                if matches!(self.kind, FieldKind::Reference(_)) && value.is_some() {
                    saw = format!("{saw} ({})", texts.join(", "));
                }
                self.against_text(&texts, &text.to_lowercase())
            }
            Test::EmptyString => {
                let raw = facts.walk(facts.current, &self.path)?;
                truth(raw.as_ref().and_then(Value::as_str) == Some(""))
            }
            _ => self.against_literal(value.as_ref(), facts.now),
        };
        Ok((truth, saw))
    }

    fn against_literal(&self, value: Option<&Value>, now: Timestamp) -> Truth {
        match &self.test {
            Test::IsEmpty => truth(value.is_none()),
            Test::IsNotEmpty => truth(value.is_some()),
            Test::Anything => Truth::True,
            Test::Equal(text) => truth(self.equals(value, text)),
            Test::NotEqual(text) => truth(!self.equals(value, text)),
            Test::In(items) => truth(items.iter().any(|item| self.equals(value, item))),
            Test::NotIn(items) => truth(!items.iter().any(|item| self.equals(value, item))),
            Test::Compare(order, text) => self.compare(value, *order, text),
            Test::Between(least, most) => match self.compare(value, Order::AtLeast, least) {
                Truth::True => self.compare(value, Order::AtMost, most),
                other => other,
            },
            Test::On(day) => self.on(value, *day, now),
            Test::NotOn(day) => match self.on(value, *day, now) {
                Truth::True => Truth::False,
                // A field without a date is not on that day.
                Truth::False | Truth::NotComparable => Truth::True,
            },
            Test::Relative(order, relative) => {
                let moment = self.scalar(value).and_then(|value| value.instant());
                match (moment, moment_of(*relative, now)) {
                    (Some(moment), Some(limit)) => truth(order.allows(moment.cmp(&limit))),
                    _ => Truth::NotComparable,
                }
            }
            _ => Truth::NotComparable,
        }
    }

    fn scalar(&self, value: Option<&Value>) -> Option<Scalar> {
        Scalar::from_value(&self.kind, value?)
    }

    fn equals(&self, value: Option<&Value>, text: &str) -> bool {
        if text.is_empty() || text == "NULL" {
            return value.is_none();
        }
        let wanted = Scalar::from_text(&self.kind, text);
        match (self.scalar(value), wanted) {
            (Some(value), Some(wanted)) => value.compare(&wanted).is_some_and(|o| o.is_eq()),
            _ => false,
        }
    }

    fn compare(&self, value: Option<&Value>, order: Order, text: &str) -> Truth {
        let wanted = Scalar::from_text(&self.kind, text);
        let (Some(value), Some(wanted)) = (self.scalar(value), wanted) else {
            return Truth::NotComparable;
        };
        value
            .compare(&wanted)
            .map_or(Truth::NotComparable, |o| truth(order.allows(o)))
    }

    fn on(&self, value: Option<&Value>, day: Day, now: Timestamp) -> Truth {
        match (
            self.scalar(value).and_then(|value| value.day()),
            day_of(day, now),
        ) {
            (Some(day), Some(wanted)) => truth(day == wanted),
            _ => Truth::NotComparable,
        }
    }

    fn against_field(
        &self,
        value: Option<&Value>,
        other: Option<&Value>,
        path: &str,
        facts: &Facts<'_>,
    ) -> Truth {
        let kind = crate::walk::resolve(facts.schema, facts.table, path);
        let other_is = kind.map_or(FieldKind::String, |(kind, _)| kind);
        let other_scalar = other.and_then(|other| Scalar::from_value(&other_is, other));
        let ordering = match (self.scalar(value), other_scalar) {
            (Some(a), Some(b)) => a.compare(&b),
            _ => None,
        };
        let same = match ordering {
            Some(ordering) => ordering.is_eq(),
            None => value.is_none() && other.is_none(),
        };
        match self.test {
            Test::SameAs(_) => truth(same),
            Test::NotSameAs(_) => truth(!same),
            Test::CompareField(order, _) => {
                ordering.map_or(Truth::NotComparable, |o| truth(order.allows(o)))
            }
            _ => Truth::NotComparable,
        }
    }

    fn against_change(
        &self,
        changed: Option<bool>,
        before: Option<&Value>,
        value: Option<&Value>,
    ) -> Truth {
        let Some(changed) = changed else {
            return Truth::NotComparable;
        };
        match &self.test {
            Test::ChangesFrom(text) => truth(changed && self.equals(before, text)),
            Test::ChangesTo(text) => truth(changed && self.equals(value, text)),
            _ => truth(changed),
        }
    }

    fn against_text(&self, texts: &[String], wanted: &str) -> Truth {
        let any =
            |fits: &dyn Fn(&str) -> bool| truth(texts.iter().any(|t| fits(&t.to_lowercase())));
        let whole = matches!(self.kind, FieldKind::List(_));
        let contains = |text: &str| {
            if whole {
                text == wanted
            } else {
                text.contains(wanted)
            }
        };
        match self.test {
            Test::NotLike(_) => match any(&contains) {
                Truth::True => Truth::False,
                _ => Truth::True,
            },
            Test::StartsWith(_) => any(&|text| text.starts_with(wanted)),
            Test::EndsWith(_) => any(&|text| text.ends_with(wanted)),
            _ => any(&contains),
        }
    }
}

fn truth(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}
