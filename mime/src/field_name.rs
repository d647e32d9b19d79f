//! Names of header fields (RFC 5322 §2.2): compared without regard to case, known ones by number.

use crate::octets::{
    before_first_mark, bytes_below, count_before_first_mark, eight_of, first_eight, zero_bytes,
};

macro_rules! field_ids {
    ($($id:ident = $name:literal),* $(,)?) => {
        /// A field name that is known by number, so that it is compared once, when the message is indexed.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum FieldId { $($id),*, Other }

        const NAMES: &[(&str, FieldId)] = &[$(($name, FieldId::$id)),*];
    };
}

field_ids! {
    Cc = "Cc", To = "To", Bcc = "Bcc", Date = "Date", From = "From", Sender = "Sender",
    ListId = "List-Id", Subject = "Subject", Comments = "Comments", Keywords = "Keywords",
    Received = "Received", Reply = "Reply-To", ListHelp = "List-Help", ListPost = "List-Post",
    ResentCc = "Resent-Cc", ResentTo = "Resent-To", ContentId = "Content-ID",
    ListOwner = "List-Owner", MessageId = "Message-ID", Precedence = "Precedence",
    References = "References", InReplyTo = "In-Reply-To", ResentDate = "Resent-Date",
    ResentFrom = "Resent-From", ReturnPath = "Return-Path", ContentType = "Content-Type",
    ListArchive = "List-Archive", MimeVersion = "MIME-Version", AutoSubmitted = "Auto-Submitted",
    DkimSignature = "DKIM-Signature", ListSubscribe = "List-Subscribe",
    ContentLanguage = "Content-Language", ContentLocation = "Content-Location",
    ListUnsubscribe = "List-Unsubscribe", ContentDescription = "Content-Description",
    ContentDisposition = "Content-Disposition", ListUnsubscribePost = "List-Unsubscribe-Post",
    AuthenticationResults = "Authentication-Results",
    ContentTransferEncoding = "Content-Transfer-Encoding",
}

/// How many words of eight bytes the longest known name takes.
const WORDS: usize = 4;

/// A name in lower case, filled up with zeroes, as words: so names are compared at once.
type Folded = [u64; WORDS];

const FOLDED: [Folded; NAMES.len()] = {
    let mut all = [[0; WORDS]; NAMES.len()];
    let mut i = 0;
    while i < NAMES.len() {
        let name = NAMES[i].0.as_bytes();
        let mut at = 0;
        while at < name.len() {
            all[i][at / 8] |= (name[at].to_ascii_lowercase() as u64) << (at % 8 * 8);
            at += 1;
        }
        i += 1;
    }
    all
};

/// How many slots the known names are spread over: each has one of its own.
const SLOTS: usize = 256;

const fn slot(name: &Folded, multiplier: u64) -> usize {
    let mixed = name[0] ^ name[1].rotate_left(19) ^ name[2].rotate_left(37) ^ name[3];
    (mixed.wrapping_mul(multiplier) >> (u64::BITS - SLOTS.trailing_zeros())) as usize
}

/// Which name each slot is of, unless two names have the same one.
const fn spread(multiplier: u64) -> Option<[u8; SLOTS]> {
    let mut slots = [u8::MAX; SLOTS];
    let mut i = 0;
    while i < NAMES.len() {
        let slot = slot(&FOLDED[i], multiplier);
        if slots[slot] != u8::MAX {
            return None;
        }
        slots[slot] = i as u8;
        i += 1;
    }
    Some(slots)
}

/// The first multiplier that gives each name a slot of its own, and the slots.
const SPREAD: (u64, [u8; SLOTS]) = {
    let mut multiplier = 0x9E37_79B9_7F4A_7C15_u64;
    loop {
        if let Some(slots) = spread(multiplier) {
            break (multiplier, slots);
        }
        multiplier = multiplier.wrapping_mul(5);
    }
};

/// The name at the front of a field, as far as it is looked at to know its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrontName {
    pub(crate) length: usize,
    pub(crate) id: FieldId,
}

impl FrontName {
    /// As many bytes as the longest known name may have: a longer name goes on.
    const LONGEST: usize = WORDS * 8;

    /// Reads a name in words of eight bytes, and each byte once.
    #[inline]
    pub(crate) fn of(field: &[u8]) -> Self {
        match field.first_chunk() {
            Some(front) => Self::of_front(front),
            None => Self::near_end(field),
        }
    }

    /// Reads a name where there are few bytes more.
    #[cold]
    fn near_end(field: &[u8]) -> Self {
        let mut front = [0; Self::LONGEST];
        for (slot, byte) in front.iter_mut().zip(field) {
            *slot = *byte;
        }
        Self::of_front(&front)
    }

    #[inline]
    fn of_front(front: &[u8; Self::LONGEST]) -> Self {
        let mut name = [0; WORDS];
        for ((at, folded), eight) in name.iter_mut().enumerate().zip(front.chunks_exact(8)) {
            let word = first_eight(eight);
            let ends = not_ftext(word);
            // The only bytes of a name that this makes the same are the two cases of a letter.
            *folded = word | eight_of(0x20);
            if ends != 0 {
                *folded &= before_first_mark(ends);
                return Self {
                    length: at * 8 + count_before_first_mark(ends),
                    id: of_folded(&name),
                };
            }
        }
        Self {
            length: Self::LONGEST,
            id: FieldId::Other,
        }
    }

    /// The length of the whole name; `field` is what it is the front of.
    #[inline]
    pub(crate) fn whole_length(self, field: &[u8]) -> usize {
        if self.length < Self::LONGEST {
            return self.length;
        }
        field.iter().take_while(|b| is_ftext(**b)).count()
    }
}

#[inline]
fn of_folded(name: &Folded) -> FieldId {
    // As most names that are not known begin; no known one does.
    const EXTENSION: u64 = u16::from_le_bytes(*b"x-") as u64;
    if name[0] & 0xFFFF == EXTENSION {
        return FieldId::Other;
    }
    let number = SPREAD.1.get(slot(name, SPREAD.0)).copied();
    let number = usize::from(number.unwrap_or(u8::MAX));
    match (FOLDED.get(number), NAMES.get(number)) {
        (Some(known), Some((_, id))) if same(known, name) => *id,
        _ => FieldId::Other,
    }
}

/// Compares in one step, and word by word: the name was just put together in registers.
fn same(known: &Folded, name: &Folded) -> bool {
    let [a, b, c, d] = *known;
    (a ^ name[0]) | (b ^ name[1]) | (c ^ name[2]) | (d ^ name[3]) == 0
}

/// Marks the bytes of a word that may not stand in a name by their high bits. Only the first mark is to be trusted.
fn not_ftext(word: u64) -> u64 {
    let colon = zero_bytes(word ^ eight_of(b':'));
    let below = bytes_below(word, b'!');
    let above = word.wrapping_add(eight_of(0x80 - 0x7F)) | word;
    (colon | below | above) & eight_of(0x80)
}

impl FieldId {
    /// The number of a name.
    pub(crate) fn of(name: &[u8]) -> Self {
        match FrontName::of(name) {
            FrontName { length, id } if length == name.len() => id,
            _ => Self::Other,
        }
    }

    /// Whether RFC 5322 §3.6 or RFC 2045 allows the field once only.
    pub(crate) fn is_single(self) -> bool {
        use FieldId::*;
        matches!(
            self,
            Date | From
                | Sender
                | Reply
                | To
                | Cc
                | Bcc
                | MessageId
                | InReplyTo
                | References
                | Subject
                | MimeVersion
                | ContentType
                | ContentTransferEncoding
                | ContentId
                | ContentDescription
                | ContentDisposition
        )
    }
}

/// Whether a byte may stand in a field name: `ftext = %d33-57 / %d59-126` (RFC 5322 §3.6.8).
pub(crate) fn is_ftext(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc5322_1_2_2_names_are_compared_without_case() {
        assert_eq!(FieldId::of(b"content-TYPE"), FieldId::ContentType);
        assert_eq!(FieldId::of(b"message-id"), FieldId::MessageId);
        assert_eq!(FieldId::of(b"X-Message-ID"), FieldId::Other);
        assert_eq!(FieldId::of(b""), FieldId::Other);
    }

    #[test]
    fn every_known_name_is_found() {
        for (name, id) in NAMES {
            assert_eq!(FieldId::of(name.to_ascii_uppercase().as_bytes()), *id);
        }
        assert_eq!(FieldId::of(&[b'x'; 100]), FieldId::Other);
        assert_eq!(FieldId::of(b"Message\rID"), FieldId::Other);
    }

    proptest::proptest! {
        #[test]
        fn a_name_ends_where_no_ftext_follows(
            name in "[!-9;-~]{0,40}|[Cc]ontent[-\\r][Tt]ype|[Tt]o|DATE|Message.ID",
            after in "[:-<]?|[^!-~][a-z:]{0,3}",
        ) {
            let field = [name.as_bytes(), after.as_bytes()].concat();
            let length = field.iter().take_while(|b| is_ftext(**b)).count();
            let known = NAMES.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(&field[..length]));
            let expected = known.map_or(FieldId::Other, |(_, id)| *id);
            let found = FrontName::of(&field);
            proptest::prop_assert_eq!((found.whole_length(&field), found.id), (length, expected));
        }
    }

    /// As the names are listed: slowly.
    fn listed(name: &[u8]) -> FieldId {
        let known = NAMES
            .iter()
            .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name));
        known.map_or(FieldId::Other, |(_, id)| *id)
    }

    #[test]
    fn rfc5322_3_6_8_a_name_ends_at_a_colon_a_space_a_control_or_beyond_ascii() {
        for byte in 0..=u8::MAX {
            let is_in_name = matches!(byte, 33..=57 | 59..=126);
            assert_eq!(is_ftext(byte), is_in_name, "{byte}");
            for at in 1..=40 {
                let field = [&[b'a'; 40][..at], &[byte], b":: ~"].concat();
                let length = at + usize::from(is_in_name);
                assert_eq!(FrontName::of(&field).whole_length(&field), length, "{byte}");
            }
        }
        assert_eq!(FieldId::of(b"To:"), FieldId::Other);
        assert_eq!(FieldId::of(b"Subject "), FieldId::Other);
    }

    #[test]
    fn a_name_that_differs_in_any_of_its_words_is_another() {
        for (name, _) in NAMES {
            let words = name.len().div_ceil(8);
            let changes = if cfg!(miri) { 4 } else { 512 };
            // Which words are changed, and how: three letters of each in the same way.
            for (which, change) in (1..1 << words).flat_map(|w| (1..changes).map(move |c| (w, c))) {
                let mut other = name.as_bytes().to_vec();
                for (at, byte) in other.iter_mut().enumerate().filter(|(at, _)| at % 8 < 3) {
                    if (which >> (at / 8)) & 1 == 1 {
                        *byte ^= ((change >> (at % 8 * 3)) & 7) as u8;
                    }
                }
                assert_eq!(FieldId::of(&other), listed(&other), "{other:?}");
            }
        }
    }

    #[test]
    fn rfc5322_3_6_fields_that_may_occur_once_only() {
        for (name, single) in [
            ("Date", true),
            ("From", true),
            ("Reply-To", true),
            ("Message-ID", true),
            ("Subject", true),
            ("Content-Type", true),
            ("Received", false),
            ("Comments", false),
            ("Keywords", false),
            ("Resent-To", false),
            ("X-Other", false),
        ] {
            assert_eq!(FieldId::of(name.as_bytes()).is_single(), single, "{name}");
        }
    }
}
