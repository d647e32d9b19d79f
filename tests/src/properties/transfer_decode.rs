use super::choices::Choices;
use super::naive;
use postrider_mime::{DefectKind, Message, TransferDecoder, TransferEncoding};

/// The first line decides: `a` base64, `b` quoted-printable, `c` uuencode, `d` yEnc; how long lines are; into what pieces a body is
/// cut. The rest is content, and a body.
///
/// * Content that a naive twin encoded, in lines of any length, is read back equal and without a defect.
/// * A body that anybody wrote is read as a naive twin reads it.
/// * A body that comes in pieces is the same, with the same defect: cut by choice, and a short one cut in two anywhere.
/// * The length that is told, and what is appended to other octets, are those of the content.
pub fn transfer_decode(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut decisions = Choices::new(choices.line());
    let kind = decisions.number() % 4;
    let octets = choices.rest();
    let width = decisions.number() % 100 + 1;
    let (encoding, encoded, expected) = match kind {
        0 => (
            TransferEncoding::Base64,
            naive::base64(octets, width),
            naive::from_base64(octets),
        ),
        1 => (
            TransferEncoding::QuotedPrintable,
            naive::quoted_printable(octets, width),
            naive::from_quoted_printable(octets),
        ),
        2 => (
            TransferEncoding::Uuencode,
            naive::uuencode(octets, width % 45 + 1),
            naive::from_uuencode(octets),
        ),
        _ => (
            TransferEncoding::YEnc,
            naive::y_enc(octets, width),
            naive::from_y_enc(octets),
        ),
    };
    let whole = content(encoding, &encoded);
    let shown = encoded.escape_ascii();
    assert_eq!(whole, (octets.to_vec(), None), "{encoding:?}: {shown}");
    is_the_same_in_pieces(encoding, &encoded, &whole, &decisions);
    let whole = content(encoding, octets);
    assert_eq!(whole.0, expected, "{encoding:?}");
    is_the_same_in_pieces(encoding, octets, &whole, &decisions);
}

/// What is read of a body, and what was wrong with it.
type Read = (Vec<u8>, Option<DefectKind>);

fn content(encoding: TransferEncoding, body: &[u8]) -> Read {
    let header = format!("Content-Transfer-Encoding: {}\r\n\r\n", encoding.name());
    let mail = [header.as_bytes(), body].concat();
    let message = Message::parse(&mail);
    let part = message.root();
    let decoded = part.content();
    assert_eq!(part.decoded_len(), decoded.bytes.len());
    let mut appended = b"before".to_vec();
    assert_eq!(part.decode_into(&mut appended), decoded.defect);
    assert_eq!(appended.strip_prefix(b"before"), Some(&*decoded.bytes));
    (decoded.bytes.into_owned(), decoded.defect)
}

/// Of a longer line the pieces are read as lines of their own.
const LONGEST_LINE: usize = 64 << 10;

/// A body that is not longer is cut in two at every place: of a long one that would take too long.
const SHORT: usize = 120;

fn is_the_same_in_pieces(
    encoding: TransferEncoding,
    body: &[u8],
    whole: &Read,
    decisions: &Choices<'_>,
) {
    if body.len() > LONGEST_LINE {
        return;
    }
    let read = in_pieces(encoding, pieces(body, decisions));
    assert_eq!(&read, whole, "{encoding:?}: {}", body.escape_ascii());
    let places = (0..=body.len()).filter(|_| body.len() <= SHORT);
    for at in places {
        let (one, other) = body.split_at(at);
        let read = in_pieces(encoding, [one, other].into_iter());
        assert_eq!(&read, whole, "{at} of {}", body.escape_ascii());
    }
}

/// Pieces of lengths by choice, over and over.
fn pieces<'b>(body: &'b [u8], decisions: &Choices<'b>) -> impl Iterator<Item = &'b [u8]> {
    let (mut rest, again) = (body, decisions.clone());
    let mut decisions = decisions.clone();
    std::iter::from_fn(move || {
        if decisions.is_empty() {
            decisions = again.clone();
        }
        let length = decisions.number() % 80 + 1;
        let (piece, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

fn in_pieces<'b>(encoding: TransferEncoding, pieces: impl Iterator<Item = &'b [u8]>) -> Read {
    let mut decoder = TransferDecoder::new(encoding);
    let mut content = Vec::new();
    for piece in pieces {
        decoder.decode(piece, &mut content);
    }
    let defect = decoder.finish(&mut content);
    (content, defect)
}
