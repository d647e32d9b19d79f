//! What several test files check.

#![allow(dead_code, unreachable_pub)] // Each file uses some of it.

pub mod pushed;

use postrider_mime::{Address, AutoSubmitted, Message, Parameters, Part};
use std::borrow::Cow;

/// The texts that getters make of header fields.
pub fn header_texts(message: &Message<'_>) -> Vec<String> {
    let mut texts: Vec<String> = message.parts().flat_map(texts_of_part).collect();
    for hop in message.received() {
        let words = [hop.from, hop.from_info, hop.by, hop.via, hop.with, hop.id];
        texts.extend(words.into_iter().flatten().map(Cow::into_owned));
        texts.extend(hop.recipient.map(Cow::into_owned));
    }
    let found = message.authentication_results();
    for found in found.chain(message.arc_authentication_results()) {
        texts.push(found.authserv_id);
        for result in found.results {
            texts.extend([result.method, result.result]);
            texts.extend(result.reason);
            let properties = result.properties.into_iter();
            texts.extend(properties.flat_map(|(name, value)| [name, value]));
        }
    }
    if let Some(AutoSubmitted::Other(word)) = message.auto_submitted() {
        texts.push(word.into_owned());
    }
    texts
}

fn texts_of_part(part: Part<'_>) -> Vec<String> {
    let mut texts = Vec::new();
    for field in part.headers() {
        texts.push(field.text().into_owned());
        texts.extend(field.message_ids().map(Cow::into_owned));
        let list = field.addresses();
        for entry in list.entries() {
            if let Address::Group(group) = entry {
                texts.push(group.name.to_string());
            }
        }
        for mailbox in list.mailboxes() {
            let both = [&mailbox.name, &mailbox.address];
            texts.extend(both.into_iter().flatten().map(|text| text.to_string()));
        }
    }
    let content_type = part.content_type();
    texts.push(content_type.essence());
    texts.extend(texts_of_parameters(content_type.parameters()));
    if let Some(disposition) = part.content_disposition() {
        texts.push(disposition.kind().to_owned());
        texts.extend(texts_of_parameters(disposition.parameters()));
    }
    texts
}

fn texts_of_parameters(parameters: &Parameters<'_>) -> Vec<String> {
    // Each value is looked up in all of them.
    let names = parameters.names().take(9);
    let both = names.flat_map(|name| [parameters.get(&name), Some(name)]);
    both.flatten().map(Cow::into_owned).collect()
}

/// Reads everything there is to read.
pub fn read_all(message: &Message<'_>) {
    let broken = |text: &String| text.contains(['\r', '\n', '\0']);
    assert_eq!(header_texts(message).into_iter().find(broken), None);
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
            let _ = field.date();
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
        message.body_text(),
        message.body_html(),
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
