//! What a header has shown so far, while it is being read.

use super::{FieldRecord, OpenBoundaries};
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
    /// The first line that is no field looks like text: there may be no header.
    pub(crate) has_text: bool,
    /// The boundary of the multipart whose header this is; none of another body. Not looked up as long as no line asks for it.
    pub(crate) own_boundary: Option<Box<OpenBoundaries>>,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn note(state: &mut HeaderState, id: FieldId, start: u32) -> bool {
        let field = FieldRecord {
            start,
            value: start,
            end: start,
            name_length: 1,
            id,
        };
        state.note(&field)
    }

    #[test]
    fn rfc5322_3_6_what_should_occur_once_is_told_once_however_often_it_occurs() {
        let mut state = HeaderState::new(0);
        let told =
            [FieldId::Subject, FieldId::From, FieldId::Subject].map(|id| note(&mut state, id, 0));
        assert_eq!(told, [false, false, true]);
        let told = [
            FieldId::Subject,
            FieldId::From,
            FieldId::From,
            FieldId::Subject,
        ]
        .map(|id| note(&mut state, id, 0));
        assert_eq!(told, [false, true, false, false]);
    }

    #[test]
    fn what_may_occur_often_is_not_told() {
        let mut state = HeaderState::new(0);
        assert_eq!(
            [(); 3].map(|()| note(&mut state, FieldId::Received, 0)),
            [false; 3]
        );
    }

    #[test]
    fn the_first_of_several_fields_says_what_the_body_is() {
        let mut state = HeaderState::new(0);
        for start in [10, 20] {
            note(&mut state, FieldId::ContentType, start);
            note(&mut state, FieldId::ContentTransferEncoding, start + 5);
        }
        assert_eq!(state.content_type.map(|field| field.start), Some(10));
        assert_eq!(state.transfer_encoding.map(|field| field.start), Some(15));
    }
}
