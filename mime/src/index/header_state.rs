//! What a header has shown so far, while it is being read.

use super::FieldRecord;
use crate::field_name::FieldId;

/// The header of the part that is being read.
#[derive(Debug, Default)]
pub(crate) struct HeaderState {
    /// The first byte of the header.
    pub(crate) start: usize,
    /// The names that were met, a bit each, and those that were met again.
    seen: u64,
    repeated: u64,
    /// The first fields that say what the body is.
    pub(crate) content_type: Option<FieldRecord>,
    pub(crate) transfer_encoding: Option<FieldRecord>,
    /// What is told once a header, however often it occurs.
    pub(crate) junk_told: bool,
}

impl HeaderState {
    pub(crate) fn new(start: usize) -> Self {
        Self {
            start,
            ..Self::default()
        }
    }

    /// Takes note of a field. True when it should not occur again, and does for the first time.
    #[inline]
    pub(crate) fn note(&mut self, field: &FieldRecord) -> bool {
        let bit = 1_u64 << (field.id as u8);
        if self.seen & bit != 0 {
            let first_time = self.repeated & bit == 0;
            self.repeated |= bit;
            return first_time && field.id.is_single();
        }
        self.seen |= bit;
        match field.id {
            FieldId::ContentType => self.content_type = Some(*field),
            FieldId::ContentTransferEncoding => self.transfer_encoding = Some(*field),
            _ => {}
        }
        false
    }
}
