//! What several test files check.

#![allow(dead_code, unreachable_pub)] // Each file uses some of it.

pub mod pushed;

use postrider_mime::Message;

/// Reads everything there is to read.
pub fn read_all(message: &Message<'_>) {
    for part in message.parts() {
        let source = part.source().len();
        assert!(part.span().start <= part.body_span().start && part.span().end <= source);
        assert!(part.body_span().start <= part.body_span().end);
        assert_eq!(part.raw().len(), part.span().len());
        if let Some(parent) = part.parent() {
            if parent.is_multipart() {
                let outer = parent.body_span();
                assert!(outer.start <= part.span().start && part.span().end <= outer.end);
            }
            assert!(parent.children().any(|child| child.id() == part.id()));
        }
        for field in part.headers() {
            assert!(field.span().end <= part.body_span().start);
            assert!(!field.name().is_empty());
            assert!(!field.text().contains(['\r', '\n', '\0']));
            let _ = (field.addresses(), field.date(), field.message_ids().count());
        }
        let content_type = part.content_type();
        let _ = (
            content_type.defects(),
            content_type.boundary(),
            part.content_disposition(),
        );
        let name = part.safe_file_name();
        assert!(
            !name.is_empty() && name.len() <= 210 && !name.contains(['/', '\\', ':', '\0', '\n'])
        );
        let mut content = Vec::new();
        assert_eq!(part.decode_into(&mut content), part.content().defect);
        assert_eq!(content, *part.content().bytes);
        assert_eq!(content.len(), part.decoded_len());
        let _ = (part.text(), part.preamble(), part.epilogue(), part.role());
        let _ = (
            part.tnef(),
            part.report(),
            part.fragment(),
            part.external_body(),
        );
    }
    for defect in message.check() {
        assert!(
            message
                .part(defect.part)
                .is_some_and(|part| defect.offset <= part.source().len())
        );
    }
    let bodies = message.bodies();
    assert!(
        bodies
            .text
            .iter()
            .chain(&bodies.html)
            .chain(&bodies.attachments)
            .all(|part| !part.is_multipart() || part.first_child().is_none())
    );
    assert!(message.preview(5).is_none_or(|p| p.chars().count() <= 5));
    let _ = (
        message.report(),
        message.returned_message(),
        message.mailing_list(),
        message.base_subject(),
    );
    let _ = (
        message.received().count(),
        message.authentication_results().count(),
    );
    let _ = (
        message.body_text(),
        message.body_html(),
        message.auto_submitted(),
        format!("{message:?}"),
    );
}

/// Every line ends with CRLF, holds no other CR or LF and has at most 998 characters.
pub fn check_lines(bytes: &[u8]) {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| matches!(b, b'\r' | b'\n')) {
        assert!(rest[at..].starts_with(b"\r\n"), "a bare CR or LF");
        assert!(at <= 998, "a line of {at}");
        rest = &rest[at + 2..];
    }
    assert!(rest.is_empty(), "the last line has no end");
}
