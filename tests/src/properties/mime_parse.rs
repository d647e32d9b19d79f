use super::file_name::is_safe_file_name;
use super::naive;
use postrider_mime::{Buffers, Limits, Mailbox, Message, Part, TransferEncoding};

#[path = "../../../mime/tests/common/pushed.rs"]
mod pushed;

/// The input is a mail; its first octet says into what pieces it is cut for the parser that takes pieces, and how small the
/// limits are.
///
/// * Every part and field lies inside what it was read from, a part inside its multipart, and parts do not overlap.
/// * The limits on parts and depth hold.
/// * No text of a header has CR, LF or NUL, and safe file names are safe; an address is shown without a control, and its domain in
///   A-labels is ASCII.
/// * The parser that takes pieces makes the same of it, however it is cut, and so do buffers that were used before.
pub fn mime_parse(input: &[u8]) {
    let (&how, mail) = input.split_first().unwrap_or((&0, &[]));
    let mut limits = Limits::default();
    if how & 1 == 0 {
        (limits.depth, limits.parts, limits.fields) = (3, 6, 12);
        (limits.header_bytes, limits.parameters) = (300, 4);
    }
    let message = Message::parse_with(mail, &limits, Buffers::default());
    assert_eq!(message.raw(), mail);
    assert!(message.parts().count() <= limits.parts.max(1));
    is_one_line(&traces(&message));
    for part in message.parts() {
        lies_inside(part);
        is_shallow(part, limits.depth);
        reads(part);
    }
    for defect in message.defects() {
        let part = message.part(defect.part).expect("the part of a defect");
        assert!(defect.offset <= part.source().len(), "{defect:?}");
    }
    let _ = (message.body_text(), message.body_html(), message.bodies());
    let shape = told(&message);
    let size = usize::from(how >> 1 & 15) + 1;
    assert_eq!(
        pushed::in_pieces(mail, &[size], &limits),
        pushed::whole(mail, &limits)
    );
    let buffers = Message::parse(b"Subject: another\r\n\r\n--x\r\n").into_buffers();
    assert_eq!(told(&Message::parse_with(mail, &limits, buffers)), shape);
    assert_eq!(told(&message.into_owned()), shape);
}

fn lies_inside(part: Part<'_>) {
    let (span, body) = (part.span(), part.body_span());
    assert!(span.start <= body.start && body.start <= body.end && body.end <= span.end);
    assert_eq!(part.source().get(span.clone()), Some(part.raw()));
    assert_eq!(part.source().get(body.clone()), Some(part.raw_body()));
    let mut free = body.start;
    for child in part.children().filter(|_| part.is_multipart()) {
        let inner = child.span();
        assert!(
            free <= inner.start && inner.end <= body.end,
            "{inner:?} in {body:?}"
        );
        free = inner.end;
    }
    for field in part.headers() {
        let field = field.span();
        assert!(
            span.start <= field.start && field.end <= body.start,
            "{field:?} in {span:?}"
        );
    }
}

fn is_shallow(part: Part<'_>, depth: usize) {
    let above = std::iter::successors(part.parent(), |part| part.parent()).count();
    assert!(above <= depth, "{above} levels where {depth} are allowed");
}

fn reads(part: Part<'_>) {
    for field in part.headers() {
        assert!(!field.name().is_empty());
        is_one_line(&field.text());
        for mailbox in field.addresses().mailboxes() {
            let texts = [&mailbox.name, &mailbox.address].into_iter().flatten();
            texts.for_each(|text| is_one_line(text));
            mailbox.mailbox().iter().for_each(is_shown);
        }
        let _ = (field.date(), field.message_ids().count());
    }
    is_safe_file_name(&part.safe_file_name());
    let (content_type, content) = (part.content_type(), part.content());
    is_one_line(&content_type.essence());
    let parameters = content_type.parameters();
    parameters.names().for_each(|name| is_one_line(&name));
    let _ = (content_type.defects(), content_type.boundary());
    let _ = (
        part.text(),
        part.preamble(),
        part.epilogue(),
        part.content_disposition(),
    );
    let length = part.raw_body().len();
    let most = match part.transfer_encoding() {
        TransferEncoding::Uuencode => naive::FREE_ZEROES + 9 * length,
        _ => length,
    };
    assert!(
        content.bytes.len() <= most,
        "decoding adds nothing but the zeroes that lines lack"
    );
}

/// In the letters of its domain, and in those of DNS, where that could have it (RFC 5890 §2.3).
fn is_shown(mailbox: &Mailbox) {
    let shown = mailbox.addr().to_show();
    assert!(!shown.contains(char::is_control), "{shown:?}");
    if let Ok(sent) = mailbox.addr().with_a_labels() {
        assert!(sent.domain().is_ascii(), "{sent}");
    }
}

/// What Received and Authentication-Results say.
fn traces(message: &Message<'_>) -> String {
    let hops = message.received().flat_map(|hop| {
        let words = [hop.from, hop.from_info, hop.by, hop.with, hop.recipient];
        words.into_iter().flatten().map(String::from)
    });
    let found = message.authentication_results().flat_map(|found| {
        let results = found.results.into_iter().flat_map(|result| {
            let properties = result.properties.into_iter();
            let texts = [Some(result.method), Some(result.result), result.reason];
            let properties = properties.flat_map(|(name, value)| [name, value]);
            texts.into_iter().flatten().chain(properties)
        });
        std::iter::once(found.authserv_id).chain(results)
    });
    hops.chain(found).collect()
}

fn is_one_line(text: &str) {
    assert!(!text.contains(['\r', '\n', '\0']), "{text:?}");
}

/// Everything that a message is, to be compared.
fn told(message: &Message<'_>) -> Vec<String> {
    let mut told: Vec<String> = message
        .parts()
        .map(|part| {
            let above = part.parent().map(|parent| parent.id().index());
            let fields: Vec<_> = part.headers().map(|field| field.span()).collect();
            format!(
                "{:?} {above:?} {:?} {fields:?} {:?}",
                part.span(),
                part.body_span(),
                part.raw()
            )
        })
        .collect();
    told.extend(message.defects().iter().map(|defect| format!("{defect:?}")));
    told
}
