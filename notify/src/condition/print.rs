//! Queries printed the way they are read: the text parses back to an equal query.

use super::ast::{Alternative, Clause, Day, Direction, Order, Query, Relative, Term, Test, Unit};
use std::fmt::{self, Display, Formatter};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        joined(f, &self.alternatives, "^NQ")
    }
}

impl Display for Alternative {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        joined(f, &self.clauses, "^")
    }
}

impl Display for Clause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        joined(f, &self.terms, "^OR")
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path, self.test)
    }
}

fn joined<T: Display>(f: &mut Formatter<'_>, items: &[T], separator: &str) -> fmt::Result {
    for (n, item) in items.iter().enumerate() {
        if n > 0 {
            f.write_str(separator)?;
        }
        item.fmt(f)?;
    }
    Ok(())
}

/// A value, with `^` doubled.
struct Escaped<'v>(&'v str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (n, piece) in self.0.split('^').enumerate() {
            if n > 0 {
                f.write_str("^^")?;
            }
            f.write_str(piece)?;
        }
        Ok(())
    }
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal(v) => write!(f, "={}", Escaped(v)),
            Self::NotEqual(v) => write!(f, "!={}", Escaped(v)),
            Self::Compare(order, v) => write!(f, "{order}{}", Escaped(v)),
            Self::Like(v) => write!(f, "LIKE{}", Escaped(v)),
            Self::NotLike(v) => write!(f, "NOT LIKE{}", Escaped(v)),
            Self::StartsWith(v) => write!(f, "STARTSWITH{}", Escaped(v)),
            Self::EndsWith(v) => write!(f, "ENDSWITH{}", Escaped(v)),
            Self::In(items) => write!(f, "IN{}", Escaped(&items.join(","))),
            Self::NotIn(items) => write!(f, "NOT IN{}", Escaped(&items.join(","))),
            Self::IsEmpty => f.write_str("ISEMPTY"),
            Self::IsNotEmpty => f.write_str("ISNOTEMPTY"),
            Self::Anything => f.write_str("ANYTHING"),
            Self::EmptyString => f.write_str("EMPTYSTRING"),
            Self::Between(least, most) => write!(f, "BETWEEN{}@{}", Escaped(least), Escaped(most)),
            Self::SameAs(path) => write!(f, "SAMEAS{}", Escaped(path)),
            Self::NotSameAs(path) => write!(f, "NSAMEAS{}", Escaped(path)),
            Self::CompareField(order, path) => {
                let name = match order {
                    Order::Less => "LT_FIELD",
                    Order::AtMost => "LT_OR_EQUALS_FIELD",
                    Order::Greater => "GT_FIELD",
                    Order::AtLeast => "GT_OR_EQUALS_FIELD",
                };
                write!(f, "{name}{}", Escaped(path))
            }
            Self::On(day) => write!(f, "ON{day}"),
            Self::NotOn(day) => write!(f, "NOTON{day}"),
            Self::Relative(order, relative) => {
                let name = match order {
                    Order::Less => "LT",
                    Order::AtMost => "LE",
                    Order::Greater => "GT",
                    Order::AtLeast => "GE",
                };
                write!(f, "RELATIVE{name}{relative}")
            }
            Self::Changes => f.write_str("CHANGES"),
            Self::ChangesFrom(v) => write!(f, "CHANGESFROM{}", Escaped(v)),
            Self::ChangesTo(v) => write!(f, "CHANGESTO{}", Escaped(v)),
        }
    }
}

impl Display for Order {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::Greater => ">",
            Self::AtLeast => ">=",
        })
    }
}

impl Display for Day {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Yesterday => f.write_str("Yesterday"),
            Self::Today => f.write_str("Today"),
            Self::Tomorrow => f.write_str("Tomorrow"),
            Self::On(date) => write!(f, "{date}"),
        }
    }
}

impl Display for Relative {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let named = Unit::ALL.into_iter().find(|(_, unit)| *unit == self.unit);
        let direction = match self.direction {
            Direction::Ago => "ago",
            Direction::Ahead => "ahead",
        };
        let unit = named.map_or("day", |(name, _)| name);
        write!(f, "@{unit}@{direction}@{}", self.count)
    }
}
