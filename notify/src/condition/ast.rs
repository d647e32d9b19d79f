//! The syntax tree of an encoded query.

use crate::schema::FieldKind;
use jiff::civil::Date;

/// An encoded query: alternatives, one of which must hold. Without any it always holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    pub(super) alternatives: Vec<Alternative>,
}

/// What stands between two `^NQ`: clauses that must all hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Alternative {
    pub(super) clauses: Vec<Clause>,
}

/// What stands between two `^`: terms joined by `^OR`, one of which must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    pub(super) terms: Vec<Term>,
}

/// A field and a test.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    pub(super) path: String,
    pub(super) kind: FieldKind,
    pub(super) test: Test,
}

/// A test of one field.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// `=v`; with an empty `v` or `NULL`, the field is empty.
    Equal(String),
    /// `!=v`: not [`Equal`](Self::Equal).
    NotEqual(String),
    /// `<v`, `<=v`, `>v`, `>=v`.
    Compare(Order, String),
    /// `LIKEv`: contains it.
    Like(String),
    /// `NOT LIKEv`.
    NotLike(String),
    /// `STARTSWITHv`.
    StartsWith(String),
    /// `ENDSWITHv`.
    EndsWith(String),
    /// `INa,b`.
    In(Vec<String>),
    /// `NOT INa,b`.
    NotIn(Vec<String>),
    /// `ISEMPTY`.
    IsEmpty,
    /// `ISNOTEMPTY`.
    IsNotEmpty,
    /// `ANYTHING`: always true.
    Anything,
    /// `EMPTYSTRING`: set, to a text without a letter.
    EmptyString,
    /// `BETWEENa@b`, both included.
    Between(String, String),
    /// `SAMEASfield`; two empty fields are the same.
    SameAs(String),
    /// `NSAMEASfield`.
    NotSameAs(String),
    /// `GT_FIELDfield` and its sisters.
    CompareField(Order, String),
    /// `ONday`, by days in UTC.
    On(Day),
    /// `NOTONday`.
    NotOn(Day),
    /// `RELATIVEGT@hour@ago@1`: later than one hour ago.
    Relative(Order, Relative),
    /// `CHANGES`: the event gave the field another value. On insert: a value.
    Changes,
    /// `CHANGESFROMv`: changed, and the old value was this.
    ChangesFrom(String),
    /// `CHANGESTOv`: changed, and the new value is this.
    ChangesTo(String),
}

/// An order comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Less, earlier.
    Less,
    /// Less or equal.
    AtMost,
    /// Greater, later.
    Greater,
    /// Greater or equal.
    AtLeast,
}

impl Order {
    /// True if `ordering` (of the left side to the right) is of this kind.
    pub(super) fn allows(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// The day before the event is processed.
    Yesterday,
    /// The day on which the event is processed.
    Today,
    /// The day after.
    Tomorrow,
    /// This one.
    On(Date),
}

/// A moment as seen from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relative {
    /// In units of this.
    pub unit: Unit,
    /// Before or after now.
    pub direction: Direction,
    /// So many.
    pub count: u32,
}

/// Before or after now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Before.
    Ago,
    /// After.
    Ahead,
}

/// A unit of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `minute`
    Minute,
    /// `hour`
    Hour,
    /// `day`, also read as `dayofweek`
    Day,
    /// `week`
    Week,
    /// `month`
    Month,
    /// `quarter`
    Quarter,
    /// `year`
    Year,
}

impl Unit {
    /// The units by name.
    pub(super) const ALL: [(&'static str, Self); 7] = [
        ("minute", Self::Minute),
        ("hour", Self::Hour),
        ("day", Self::Day),
        ("week", Self::Week),
        ("month", Self::Month),
        ("quarter", Self::Quarter),
        ("year", Self::Year),
    ];
}

impl Query {
    /// True if it holds for everything, because nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.alternatives.is_empty()
    }

    /// All terms, in order.
    pub fn terms(&self) -> impl Iterator<Item = &Term> {
        let clauses = self.alternatives.iter().flat_map(|a| &a.clauses);
        clauses.flat_map(|clause| &clause.terms)
    }

    /// The text that a field has to be equal to, where that much is certain: there is one alternative, and `field=text`
    /// stands alone in it between two `^`.
    pub fn needs(&self, path: &str) -> Option<&str> {
        let [alternative] = self.alternatives.as_slice() else {
            return None;
        };
        let mut clauses = alternative.clauses.iter();
        clauses.find_map(|clause| match clause.terms.as_slice() {
            [
                Term {
                    path: own,
                    test: Test::Equal(text),
                    ..
                },
            ] if own == path => Some(text.as_str()),
            _ => None,
        })
    }

    /// The values that a field is compared with as a whole: `=`, `!=`, `IN`, `NOT IN`.
    pub fn values_of<'q>(&'q self, path: &'q str) -> impl Iterator<Item = &'q str> {
        let terms = self.terms().filter(move |term| term.path == path);
        let values = terms.flat_map(|term| match &term.test {
            Test::Equal(value) | Test::NotEqual(value) => std::slice::from_ref(value),
            Test::In(values) | Test::NotIn(values) => values.as_slice(),
            _ => &[],
        });
        values.map(String::as_str)
    }

    pub(super) fn terms_mut(&mut self) -> impl Iterator<Item = &mut Term> {
        let clauses = self.alternatives.iter_mut().flat_map(|a| &mut a.clauses);
        clauses.flat_map(|clause| &mut clause.terms)
    }
}

impl Term {
    /// The field, dot-walked.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What the field holds.
    pub fn kind(&self) -> &FieldKind {
        &self.kind
    }

    /// What is asked of it.
    pub fn test(&self) -> &Test {
        &self.test
    }
}
