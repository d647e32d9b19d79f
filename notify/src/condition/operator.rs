//! The operators by their spelling.

/// What an operator is, before its value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    NotEqual,
    Less,
    AtMost,
    Greater,
    AtLeast,
    Like,
    NotLike,
    StartsWith,
    EndsWith,
    In,
    NotIn,
    IsEmpty,
    IsNotEmpty,
    Anything,
    EmptyString,
    Between,
    SameAs,
    NotSameAs,
    GreaterField,
    LessField,
    AtLeastField,
    AtMostField,
    On,
    NotOn,
    RelativeGreater,
    RelativeAtLeast,
    RelativeLess,
    RelativeAtMost,
    Changes,
    ChangesFrom,
    ChangesTo,
    Unsupported,
}

/// Every spelling. Of several that fit, the longest is meant.
pub(super) const SPELLINGS: &[(&str, Operator)] = &[
    ("=", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<", Operator::Less),
    ("<=", Operator::AtMost),
    (">", Operator::Greater),
    (">=", Operator::AtLeast),
    ("LIKE", Operator::Like),
    ("*", Operator::Like),
    ("NOT LIKE", Operator::NotLike),
    ("NOTLIKE", Operator::NotLike),
    ("!*", Operator::NotLike),
    ("STARTSWITH", Operator::StartsWith),
    ("ENDSWITH", Operator::EndsWith),
    ("%", Operator::EndsWith),
    ("IN", Operator::In),
    ("NOT IN", Operator::NotIn),
    ("NOTIN", Operator::NotIn),
    ("ISEMPTY", Operator::IsEmpty),
    ("ISNOTEMPTY", Operator::IsNotEmpty),
    ("ANYTHING", Operator::Anything),
    ("EMPTYSTRING", Operator::EmptyString),
    ("BETWEEN", Operator::Between),
    ("SAMEAS", Operator::SameAs),
    ("NSAMEAS", Operator::NotSameAs),
    ("GT_FIELD", Operator::GreaterField),
    ("LT_FIELD", Operator::LessField),
    ("GT_OR_EQUALS_FIELD", Operator::AtLeastField),
    ("LT_OR_EQUALS_FIELD", Operator::AtMostField),
    ("ON", Operator::On),
    ("NOTON", Operator::NotOn),
    ("RELATIVEGT", Operator::RelativeGreater),
    ("RELATIVEGE", Operator::RelativeAtLeast),
    ("RELATIVELT", Operator::RelativeLess),
    ("RELATIVELE", Operator::RelativeAtMost),
    ("CHANGES", Operator::Changes),
    ("VALCHANGES", Operator::Changes),
    ("CHANGESFROM", Operator::ChangesFrom),
    ("CHANGESTO", Operator::ChangesTo),
    ("DYNAMIC", Operator::Unsupported),
    ("IN_HIERARCHY", Operator::Unsupported),
    ("INSTANCEOF", Operator::Unsupported),
    ("DATEPART", Operator::Unsupported),
    ("MORETHAN", Operator::Unsupported),
    ("LESSTHAN", Operator::Unsupported),
    ("RELATIVEEE", Operator::Unsupported),
    ("123TEXTQUERY321", Operator::Unsupported),
];

impl Operator {
    /// True if nothing may follow.
    pub(super) fn stands_alone(self) -> bool {
        matches!(
            self,
            Self::IsEmpty | Self::IsNotEmpty | Self::Anything | Self::EmptyString | Self::Changes
        )
    }
}
