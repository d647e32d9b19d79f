//! What MAIL asks for, and what is refused before anything is written.

use super::*;

/// The MAIL command for this message, or the verdict if nothing is written.
fn mail(offers: &[&str], envelope: &Envelope, message: &[u8]) -> Result<String, String> {
    mail_by(Policy::default(), offers, envelope, message)
}

fn mail_by(
    policy: Policy,
    offers: &[&str],
    envelope: &Envelope,
    message: &[u8],
) -> Result<String, String> {
    let mails = [Mail::new(envelope, message)];
    let mut connection = ready(offers);
    let mut dialogue = Dialogue::new(&mut connection, policy, &mails);
    said(&mut dialogue)
}

/// The same for a message that comes in chunks.
fn stream(offers: &[&str], envelope: &Envelope, outline: Outline) -> Result<String, String> {
    let mut connection = ready(offers);
    let planner = Planner::streaming(&mut connection, Policy::default(), envelope, outline);
    said(&mut Dialogue::of(planner))
}

fn said(dialogue: &mut Dialogue<'_>) -> Result<String, String> {
    let written = dialogue.written(usize::MAX);
    match dialogue.settled() {
        Some((mail, verdicts)) => {
            assert_eq!(
                (mail, &*written),
                (0, ""),
                "refused, and nothing is written"
            );
            Err(verdicts.concat())
        }
        None => Ok(written.split("\r\n").next().unwrap().to_owned()),
    }
}

fn sends(command: &str) -> Result<String, String> {
    Ok(command.to_owned())
}

fn refuses(error: &str) -> Result<String, String> {
    Err(error.to_owned())
}

#[test]
fn rfc6152_8bitmime_is_declared_for_a_message_that_is_not_ascii_and_demanded() {
    let (envelope, eight) = (to(&["1@x"]), "\r\n\u{e9}\r\n".as_bytes());
    assert_eq!(
        mail(&["8BITMIME"], &envelope, HELLO),
        sends("MAIL FROM:<a@x>")
    );
    assert_eq!(
        mail(&["8BITMIME"], &envelope, eight),
        sends("MAIL FROM:<a@x> BODY=8BITMIME")
    );
    let missing = refuses("refused at local check: Missing(EightBitMime)");
    assert_eq!(mail(&[], &envelope, eight), missing);
}

#[test]
fn rfc6152_a_message_in_chunks_may_have_any_octet_where_that_is_offered() {
    let (envelope, outline) = (to(&["1@x"]), Outline::default());
    let declared = sends("MAIL FROM:<a@x> BODY=8BITMIME");
    assert_eq!(stream(&["8BITMIME"], &envelope, outline), declared);
    assert_eq!(stream(&[], &envelope, outline), sends("MAIL FROM:<a@x>"));
    let declared = sends("MAIL FROM:<a@x> BODY=BINARYMIME");
    let offers = ["8BITMIME", "BINARYMIME", "CHUNKING"];
    assert_eq!(stream(&offers, &binary(), outline), declared);
}

#[test]
fn rfc6531_smtputf8_is_declared_for_a_header_that_holds_utf8() {
    let offers = ["8BITMIME", "SMTPUTF8"];
    let envelope = to(&["1@x"]);
    for (message, declared) in [
        (&b"Subject: \xc3\xa9\r\n\r\nx\r\n"[..], true),
        (b"Subject: \xc3\xa9\n\nx\r\n", true),
        (b"Subject: \xc3\xa9", true),
        (b"A: a\r\nSubject: \xc3\xa9\r\n\r\nx\r\n", true),
        // No UTF-8, or not in the header.
        (b"Subject: \xe9\r\n\r\nx\r\n", false),
        (b"Subject: e\r\n\r\n\xc3\xa9\r\n", false),
        (b"Subject: e\n\n\xc3\xa9\r\n", false),
        (b"\r\n\xc3\xa9\r\n", false),
        (b"\n\xc3\xa9\n\n", false),
    ] {
        let expected = match declared {
            true => "MAIL FROM:<a@x> BODY=8BITMIME SMTPUTF8",
            false => "MAIL FROM:<a@x> BODY=8BITMIME",
        };
        assert_eq!(
            mail(&offers, &envelope, message),
            sends(expected),
            "{message:?}"
        );
        assert_eq!(Outline::has_utf8_header(message), declared, "{message:?}");
    }
    let ascii = b"Subject: e\r\n\r\nx\r\n";
    assert_eq!(mail(&offers, &envelope, ascii), sends("MAIL FROM:<a@x>"));
    assert!(!Outline::has_utf8_header(ascii));
}

#[test]
fn rfc6531_smtputf8_is_declared_for_an_address_that_needs_it() {
    let plain = to(&["1@x"]);
    let sender = Envelope::parse("\u{e9}@x", ["1@x"]).unwrap();
    let recipient = to(&["1@x", "\u{e9}@x"]);
    let offers = ["SMTPUTF8"];
    assert_eq!(mail(&offers, &plain, HELLO), sends("MAIL FROM:<a@x>"));
    assert_eq!(
        mail(&offers, &sender, HELLO),
        sends("MAIL FROM:<\u{e9}@x> SMTPUTF8")
    );
    assert_eq!(
        mail(&offers, &recipient, HELLO),
        sends("MAIL FROM:<a@x> SMTPUTF8")
    );
    let missing = "refused at local check: Missing(SmtpUtf8)";
    assert_eq!(mail(&[], &sender, HELLO), refuses(missing));
    assert_eq!(stream(&[], &sender, Outline::default()), refuses(missing));
    // A recipient that cannot be asked for is refused by itself.
    assert_eq!(mail(&[], &recipient, HELLO), sends("MAIL FROM:<a@x>"));
}

#[test]
fn rfc6531_a_message_in_chunks_says_whether_its_header_holds_utf8() {
    let envelope = to(&["1@x"]);
    let utf8_header = Outline {
        utf8_header: true,
        ..Outline::default()
    };
    let declared = sends("MAIL FROM:<a@x> SMTPUTF8");
    assert_eq!(stream(&["SMTPUTF8"], &envelope, utf8_header), declared);
    let missing = refuses("refused at local check: Missing(SmtpUtf8)");
    assert_eq!(stream(&[], &envelope, utf8_header), missing);
}

#[test]
fn rfc1870_the_size_is_that_on_the_wire_and_no_more_than_the_server_takes() {
    let envelope = to(&["1@x"]);
    assert_eq!(
        mail(&["SIZE 7"], &envelope, HELLO),
        sends("MAIL FROM:<a@x> SIZE=7")
    );
    assert_eq!(
        mail(&["SIZE"], &envelope, HELLO),
        sends("MAIL FROM:<a@x> SIZE=7")
    );
    let too_large = refuses("refused at local check: TooLarge { size: 7, limit: 6 }");
    assert_eq!(mail(&["SIZE 6"], &envelope, HELLO), too_large);
    // The line end becomes CRLF on the way.
    assert_eq!(
        mail(&["SIZE"], &envelope, b"hello\n"),
        sends("MAIL FROM:<a@x> SIZE=7")
    );
    let offers = ["SIZE", "BINARYMIME", "CHUNKING"];
    let declared = sends("MAIL FROM:<a@x> BODY=BINARYMIME SIZE=6");
    assert_eq!(
        mail(&offers, &binary(), b"hello\n").map(in_order),
        declared.map(in_order)
    );
}

/// The words of a command in one order.
fn in_order(command: String) -> Vec<String> {
    let mut words: Vec<_> = command.split(' ').map(ToOwned::to_owned).collect();
    words.sort();
    words
}

#[test]
fn rfc1870_the_size_of_a_message_in_chunks_is_declared_if_it_is_known() {
    let envelope = to(&["1@x"]);
    let of_seven = Outline {
        length: Some(7),
        ..Outline::default()
    };
    assert_eq!(
        stream(&["SIZE 7"], &envelope, of_seven),
        sends("MAIL FROM:<a@x> SIZE=7")
    );
    assert_eq!(stream(&[], &envelope, of_seven), sends("MAIL FROM:<a@x>"));
    let too_large = refuses("refused at local check: TooLarge { size: 7, limit: 6 }");
    assert_eq!(stream(&["SIZE 6"], &envelope, of_seven), too_large);
    assert_eq!(
        stream(&["SIZE 6"], &envelope, Outline::default()),
        sends("MAIL FROM:<a@x>")
    );
}

#[test]
fn a_line_end_alone_is_refused_if_the_policy_says_so_but_in_binary_content() {
    let reject = Policy {
        line_ends: LineEnds::Reject,
        ..Policy::default()
    };
    let offers = ["BINARYMIME", "CHUNKING"];
    let refused = refuses("refused at local check: BareLineEnd { offset: 5 }");
    let envelope = to(&["1@x"]);
    assert_eq!(mail_by(reject, &offers, &envelope, b"hello\n"), refused);
    assert_eq!(
        mail_by(reject, &offers, &envelope, HELLO),
        sends("MAIL FROM:<a@x>")
    );
    let declared = sends("MAIL FROM:<a@x> BODY=BINARYMIME");
    assert_eq!(mail_by(reject, &offers, &binary(), b"hello\n"), declared);
    assert_eq!(
        mail(&offers, &envelope, b"hello\n"),
        sends("MAIL FROM:<a@x>")
    );
}

#[test]
fn rfc8689_requiretls_is_sent_inside_tls_alone() {
    let envelope = to(&["1@x"]).with_parameters(MailParameters {
        require_tls: true,
        ..MailParameters::default()
    });
    let clear = refuses("refused at local check: ClearText");
    assert_eq!(mail(&["REQUIRETLS"], &envelope, HELLO), clear);
    let mails = [Mail::new(&envelope, HELLO)];
    let mut connection = ready(&["REQUIRETLS"]).inside_tls();
    let mut dialogue = Dialogue::new(&mut connection, Policy::default(), &mails);
    assert_eq!(said(&mut dialogue), sends("MAIL FROM:<a@x> REQUIRETLS"));
    // Inside TLS a mail that does not ask for it is sent as ever.
    let plain = to(&["1@x"]);
    let mails = [Mail::new(&plain, HELLO)];
    let mut connection = ready(&[]).inside_tls();
    let mut dialogue = Dialogue::new(&mut connection, Policy::default(), &mails);
    assert_eq!(said(&mut dialogue), sends("MAIL FROM:<a@x>"));
}

#[test]
fn a_mail_that_cannot_go_does_not_hold_up_the_next() {
    let (cannot, can) = (Envelope::parse("\u{e9}@x", ["1@x"]).unwrap(), to(&["1@x"]));
    let mails = [
        Mail::new(&can, HELLO),
        Mail::new(&cannot, HELLO),
        Mail::new(&can, HELLO),
    ];
    let mut connection = ready(&["PIPELINING"]);
    let mut dialogue = Dialogue::new(&mut connection, at(Pipelining::Flight), &mails);
    let flight = ["MAIL FROM:<a@x>", "RCPT TO:<1@x>", "DATA"];
    dialogue.says(&flight);
    dialogue.hears(&["250 ok", "250 ok", "354 go"]);
    dialogue.says(&["hello", "."]);
    dialogue.hears(&["250 queued"]);
    dialogue.settles(0, &["accepted at end of data: 250 queued"]);
    dialogue.settles(1, &["refused at local check: Missing(SmtpUtf8)"]);
    dialogue.says(&flight);
}
