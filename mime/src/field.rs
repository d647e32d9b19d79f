use std::borrow::Cow;
use std::ops::Range;

use crate::address::AddressList;
use crate::date_time::DateTime;
use crate::field_name::FieldId;
use crate::grammar;
use crate::grammar::message_id::MessageIds;
use crate::index::FieldRecord;

/// A header field (RFC 5322 §2.2). Its value is read when it is asked for.
#[derive(Clone, Copy, Debug)]
pub struct HeaderField<'m> {
    pub(crate) source: &'m [u8],
    pub(crate) record: FieldRecord,
}

impl<'m> HeaderField<'m> {
    /// The name as it was written.
    pub fn name(self) -> &'m str {
        let start = self.record.start as usize;
        let name = self
            .source
            .get(start..start + usize::from(self.record.name_length));
        name.and_then(|n| std::str::from_utf8(n).ok())
            .unwrap_or_default()
    }

    /// Whether this is the field of that name; case does not count.
    pub fn is(self, name: &str) -> bool {
        self.name().eq_ignore_ascii_case(name)
    }

    /// The value as it was written: after the colon, folding included, without the line end.
    pub fn raw(self) -> &'m [u8] {
        self.source
            .get(self.record.value as usize..self.record.end as usize)
            .unwrap_or_default()
    }

    /// Where the field is, from its name to before its line end.
    pub fn span(self) -> Range<usize> {
        self.record.start as usize..self.record.end as usize
    }

    /// The value as text: unfolded, encoded words decoded (RFC 2047), white space at the ends removed.
    ///
    /// CR, LF and NUL never stand in it; encoded ones become spaces.
    pub fn text(self) -> Cow<'m, str> {
        grammar::text::text(self.raw())
    }

    /// The value as addresses (RFC 5322 §3.4).
    pub fn addresses(self) -> AddressList<'m> {
        let mut entries = Vec::new();
        grammar::address::address_list(self.raw(), &mut entries);
        AddressList { entries }
    }

    /// The value as a date (RFC 5322 §3.3).
    pub fn date(self) -> Option<DateTime> {
        grammar::date::date_time(self.raw())
    }

    /// The value as message identifiers (RFC 5322 §3.6.4).
    pub fn message_ids(self) -> MessageIds<'m> {
        MessageIds::new(self.raw())
    }

    pub(crate) fn id(self) -> FieldId {
        self.record.id
    }
}
