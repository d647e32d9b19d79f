//! Conditions: ServiceNow's encoded queries, typed by the schema.
//!
//! ```text
//! priority<=2^assigned_toCHANGES^ORstate=3^NQcaller.vip=true
//! ```
//!
//! * `^` means and, `^OR` means or and binds tighter than `^`, `^NQ` begins a new alternative.
//! * A field may be dot-walked. Field names are in lower case, operators in capitals or signs.
//! * In a value, `^^` stands for one `^`. ServiceNow has no such escape, so whoever may choose a value
//!   may write a condition there; here they cannot.
//! * Text is compared without case. `field!=value` also holds for an empty field; `field=` and `field=NULL`
//!   mean that it is empty. An empty field is neither less nor greater than anything.
//! * An empty query always holds. `^EQ` at the end is read and dropped.
//!
//! | for | operators |
//! |---|---|
//! | every field | `=v` `!=v` `INa,b` `NOT INa,b` `ISEMPTY` `ISNOTEMPTY` `ANYTHING` `SAMEASfield` `NSAMEASfield` |
//! | text, references (by the display value), lists | `LIKEv` (`*`) `NOT LIKEv` (`NOTLIKE`, `!*`) `STARTSWITHv` `ENDSWITHv` (`%`) `EMPTYSTRING` |
//! | text, numbers, dates | `<v` `<=v` `>v` `>=v` `BETWEENa@b` `GT_FIELDfield` `LT_FIELD…` `GT_OR_EQUALS_FIELD…` `LT_OR_EQUALS_FIELD…` |
//! | dates | `ONday` `NOTONday` (a date, `Today`, `Yesterday`, `Tomorrow`) `RELATIVEGT@hour@ago@1` (`GE` `LT` `LE`; minute to year; `ago`, `ahead`) |
//! | the record's own fields | `CHANGES` (`VALCHANGES`) `CHANGESFROMv` `CHANGESTOv` |
//!
//! A query is total: for every record each term is true, false or not comparable, which counts as false.
//!
//! Not supported: `DYNAMIC`, `IN_HIERARCHY`, `INSTANCEOF`, `DATEPART`, `MORETHAN`, `LESSTHAN`, full text search, ordering and
//! grouping, and scripts in values. Each is refused by name.

mod ast;
mod eval;
mod facts;
mod lint;
mod moment;
mod operand;
mod operator;
mod parse;
mod print;
mod scalar;

#[cfg(test)]
mod tests;

pub use ast::{Alternative, Clause, Day, Direction, Order, Query, Relative, Term, Test, Unit};
pub use eval::{Joint, TermVerdict, Truth, Verdict};
pub use facts::Facts;
pub(crate) use facts::{changed, set};
pub(crate) use lint::corrected;

use crate::schema::Schema;
use std::fmt;
use std::ops::Range;

/// The longest query, in octets.
pub const MAX_LEN: usize = 8 * 1024;

/// The most terms of a query.
pub const MAX_TERMS: usize = 256;

/// A query that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryError {
    /// What it is about, in octets of the query.
    pub span: Range<usize>,
    /// The column of its first character, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What may have been meant, as it should be written.
    pub suggestion: Option<String>,
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)?;
        match &self.suggestion {
            Some(meant) => write!(f, "; did you mean `{meant}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for QueryError {}

impl Query {
    /// Reads a query about the records of a table, and checks every field, operator and value against the schema.
    ///
    /// # Errors
    /// All that is wrong with it; a syntax error is the only one, because nothing is known beyond it.
    pub fn parse(text: &str, table: &str, schema: &Schema) -> Result<Self, Vec<QueryError>> {
        let error = |fault: parse::Fault| QueryError {
            column: text
                .get(..fault.span.start)
                .map_or(0, |s| s.chars().count())
                + 1,
            span: fault.span,
            message: fault.message,
            suggestion: fault.suggestion,
        };
        let draft = parse::query(text).map_err(|fault| vec![error(fault)])?;
        lint::typed(draft, table, schema).map_err(|faults| faults.into_iter().map(error).collect())
    }
}
