//! What stands behind an operator, as far as its form says whether it is right.

use super::ast::{Day, Direction, Order, Relative, Test, Unit};
use super::operator::Operator;
use crate::suggest::nearest;

/// The test that an operator makes of its value; or what is wrong with the value.
pub(super) fn test(
    operator: Operator,
    spelling: &str,
    text: String,
) -> Result<Test, (String, Option<String>)> {
    let list = |text: &str| text.split(',').map(|item| item.trim().to_owned()).collect();
    if operator == Operator::Equal && text.starts_with('=') {
        return Err(("equal is written with one `=`".into(), None));
    }
    Ok(match operator {
        Operator::Equal => Test::Equal(text),
        Operator::NotEqual => Test::NotEqual(text),
        Operator::Less => Test::Compare(Order::Less, text),
        Operator::AtMost => Test::Compare(Order::AtMost, text),
        Operator::Greater => Test::Compare(Order::Greater, text),
        Operator::AtLeast => Test::Compare(Order::AtLeast, text),
        Operator::Like => Test::Like(text),
        Operator::NotLike => Test::NotLike(text),
        Operator::StartsWith => Test::StartsWith(text),
        Operator::EndsWith => Test::EndsWith(text),
        Operator::In => Test::In(list(&text)),
        Operator::NotIn => Test::NotIn(list(&text)),
        Operator::IsEmpty => Test::IsEmpty,
        Operator::IsNotEmpty => Test::IsNotEmpty,
        Operator::Anything => Test::Anything,
        Operator::EmptyString => Test::EmptyString,
        Operator::Between => match text.split_once('@') {
            Some((least, most)) => Test::Between(least.to_owned(), most.to_owned()),
            None => {
                return Err((
                    "`BETWEEN` needs two values with `@` between them: `BETWEEN1@3`".into(),
                    None,
                ));
            }
        },
        Operator::SameAs => Test::SameAs(text),
        Operator::NotSameAs => Test::NotSameAs(text),
        Operator::GreaterField => Test::CompareField(Order::Greater, text),
        Operator::LessField => Test::CompareField(Order::Less, text),
        Operator::AtLeastField => Test::CompareField(Order::AtLeast, text),
        Operator::AtMostField => Test::CompareField(Order::AtMost, text),
        Operator::On => Test::On(day(&text)?),
        Operator::NotOn => Test::NotOn(day(&text)?),
        Operator::RelativeGreater => Test::Relative(Order::Greater, relative(&text)?),
        Operator::RelativeAtLeast => Test::Relative(Order::AtLeast, relative(&text)?),
        Operator::RelativeLess => Test::Relative(Order::Less, relative(&text)?),
        Operator::RelativeAtMost => Test::Relative(Order::AtMost, relative(&text)?),
        Operator::Changes => Test::Changes,
        Operator::ChangesFrom => Test::ChangesFrom(text),
        Operator::ChangesTo => Test::ChangesTo(text),
        Operator::Unsupported => return Err((format!("`{spelling}` is not supported"), None)),
    })
}

/// `2026-11-23`, `Today`, and ServiceNow's `Today@javascript:…@javascript:…`, of which the label is enough.
fn day(text: &str) -> Result<Day, (String, Option<String>)> {
    let label = text.split('@').next().unwrap_or_default();
    match label {
        "Today" => return Ok(Day::Today),
        "Yesterday" => return Ok(Day::Yesterday),
        "Tomorrow" => return Ok(Day::Tomorrow),
        _ => {}
    }
    text.parse().map(Day::On).map_err(|_| {
        let hint = nearest(label, ["Today", "Yesterday", "Tomorrow"]);
        let message = "a day is expected here: `2026-11-23`, `Today`, `Yesterday` or `Tomorrow`";
        (message.into(), hint.map(str::to_owned))
    })
}

/// `@hour@ago@1`
fn relative(text: &str) -> Result<Relative, (String, Option<String>)> {
    let shape = || {
        (
            "`@UNIT@ago@NUMBER` is expected here, such as `RELATIVEGT@hour@ago@1`".to_owned(),
            None,
        )
    };
    let words: Vec<&str> = text.split('@').collect();
    let &["", unit, direction, count] = words.as_slice() else {
        return Err(shape());
    };
    let direction = match direction {
        "ago" => Direction::Ago,
        "ahead" => Direction::Ahead,
        _ => return Err(shape()),
    };
    let named = if unit == "dayofweek" { "day" } else { unit };
    let Some((_, unit)) = Unit::ALL.into_iter().find(|(name, _)| *name == named) else {
        let hint = nearest(unit, Unit::ALL.map(|(name, _)| name));
        return Err((
            format!("`{unit}` is no unit of time"),
            hint.map(str::to_owned),
        ));
    };
    let count = count.parse().map_err(|_| shape())?;
    Ok(Relative {
        unit,
        direction,
        count,
    })
}
