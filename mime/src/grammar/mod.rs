//! The grammars of header field values, in nom: bytes in, borrowed values out.

pub(crate) mod address;
mod address_entry;
pub(crate) mod address_word;
pub(crate) mod cfws;
mod common_mailbox;
pub(crate) mod common_type;
pub(crate) mod date;
pub(crate) mod encoded_word;
pub(crate) mod message_id;
pub(crate) mod parameters;
pub(crate) mod text;
pub(crate) mod word;

/// What a parser of this crate returns.
pub(crate) type Parsed<'a, T> = nom::IResult<&'a [u8], T>;

/// The error of a parser that does not match here.
pub(crate) fn no_match<'a, T>(input: &'a [u8]) -> Parsed<'a, T> {
    Err(nom::Err::Error(nom::error::Error::new(
        input,
        nom::error::ErrorKind::Verify,
    )))
}
