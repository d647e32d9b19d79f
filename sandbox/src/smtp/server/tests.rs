use super::*;
use crate::fault::Fault;
use crate::{Builder, Sandbox};
use proptest::prelude::*;

pub(super) fn builder() -> Builder {
    Sandbox::builder()
        .mailbox("ada@example.org", "ada", "secret")
        .mailbox("bob@example.org", "bob", "secret")
}

pub(super) fn open() -> Builder {
    builder().require_auth(false)
}

/// A server, and what goes in and out of it.
struct Dialogue {
    service: Service,
    server: SmtpServer,
    input: BytesMut,
    steps: Vec<Step>,
}

impl Dialogue {
    fn new(builder: Builder) -> Self {
        let service = builder.service().unwrap();
        let server = SmtpServer::new(&service);
        let (input, steps) = (BytesMut::new(), Vec::new());
        Self {
            service,
            server,
            input,
            steps,
        }
    }

    fn tls(builder: Builder) -> Self {
        let mut dialogue = Self::new(builder);
        dialogue.server.tls_started();
        dialogue
    }

    /// Sends octets in pieces of a size and returns all that is said.
    fn say_in(&mut self, octets: &[u8], size: usize) -> String {
        let mut out = BytesMut::new();
        for piece in octets.chunks(size) {
            self.input.extend_from_slice(piece);
            while let Some(step) = self.server.receive(&mut self.input, &mut out) {
                self.steps.push(step);
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    fn say(&mut self, octets: &str) -> String {
        self.say_in(octets.as_bytes(), octets.len().max(1))
    }

    /// The codes of the last lines of all replies.
    fn codes(&mut self, octets: &str) -> Vec<u16> {
        codes(&self.say(octets))
    }

    fn next(&self) -> Next {
        self.steps.last().unwrap().next
    }

    fn stored(&self) -> Vec<Vec<u8>> {
        let mails = self.service.store().mails_after(0);
        mails.iter().map(|mail| mail.content.to_vec()).collect()
    }
}

fn codes(replies: &str) -> Vec<u16> {
    let last = |line: &&str| line.as_bytes().get(3) == Some(&b' ');
    replies
        .lines()
        .filter(last)
        .map(|line| line[..3].parse().unwrap())
        .collect()
}

const MAIL: &str = "EHLO c.example\r\nMAIL FROM:<eve@example.com>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\nSubject: x\r\n\r\n..\r\n.\r\nQUIT\r\n";

#[test]
fn rfc5321_d1_typical_transaction() {
    let mut d = Dialogue::new(open());
    let replies = d.say(MAIL);
    assert_eq!(codes(&replies), [250, 250, 250, 354, 250, 221]);
    assert!(
        replies.starts_with(
            "250-localhost\r\n250-PIPELINING\r\n250-SIZE 33554432\r\n250-STARTTLS\r\n"
        )
    );
    assert!(replies.contains("250 CHUNKING\r\n250 2.1.0 Ok\r\n"));
    assert_eq!(d.stored(), [b"Subject: x\r\n\r\n.\r\n"]);
    assert_eq!(d.next(), Next::Close);
    let mail = &d.service.store().mails_after(0)[0];
    assert_eq!(
        (mail.from.as_str(), mail.client.as_str()),
        ("eve@example.com", "c.example")
    );
    assert_eq!((mail.tls, &mail.user), (false, &None));
}

#[test]
fn every_chunking_gives_the_same_dialogue() {
    let scripts = [
        MAIL.to_owned(),
        "EHLO c\r\nAUTH LOGIN\r\nYWRh\r\nc2VjcmV0\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nBDAT 3\r\na\r\nBDAT 3 LAST\r\nb\r\nNOOP\r\n".to_owned(),
        "EHLO c\r\nMAIL FROM:<>\r\nBDAT 5 LAST\r\nQUIT\nNOOP\r\nRSET\r\nVRFY x\r\nfoo\r\n".to_owned(),
        "NOOP\nNOOP\r\n".to_owned(),
        format!("NOOP {}\r\nNOOP\r\n", "x".repeat(3000)),
    ];
    for script in scripts {
        let run = |size| {
            let mut d = Dialogue::tls(open());
            let replies = d.say_in(script.as_bytes(), size);
            (replies, d.steps, d.service.store().mails_after(0))
        };
        let whole = run(usize::MAX);
        for size in 1..script.len().min(80) {
            assert_eq!(run(size), whole, "pieces of {size} octets");
        }
    }
}

#[test]
fn rfc4954_mail_needs_authentication_inside_tls() {
    let mut d = Dialogue::new(builder());
    let replies = d.say("EHLO c\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\nMAIL FROM:<>\r\n");
    assert!(!replies.contains("250-AUTH"));
    assert_eq!(codes(&replies), [250, 538, 530]);
    let mut d = Dialogue::tls(builder());
    let replies =
        d.say("EHLO c\r\nMAIL FROM:<>\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\nMAIL FROM:<>\r\n");
    assert!(replies.contains("250-AUTH PLAIN LOGIN\r\n") && !replies.contains("STARTTLS"));
    assert_eq!(codes(&replies), [250, 530, 235, 250]);
    assert_eq!(d.server.session.user.as_deref(), Some("ada"));
}

#[test]
fn rfc4954_auth_dialogues() {
    for (lines, expected) in [
        ("AUTH LOGIN\r\nYWRh\r\nc2VjcmV0\r\n", &[334, 334, 235][..]),
        ("AUTH LOGIN YWRh\r\nc2VjcmV0\r\n", &[334, 235]),
        ("AUTH PLAIN\r\nAGFkYQBzZWNyZXQ=\r\n", &[334, 235]),
        ("AUTH PLAIN AGFkYQB3cm9uZw==\r\n", &[535]),
        ("AUTH LOGIN\r\n*\r\nNOOP\r\n", &[334, 501, 250]),
        ("AUTH PLAIN !!!\r\n", &[501]),
        ("AUTH CRAM-MD5\r\n", &[504]),
        (
            "AUTH PLAIN AGFkYQBzZWNyZXQ=\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\n",
            &[235, 503],
        ),
    ] {
        let mut d = Dialogue::tls(builder());
        d.say("EHLO c\r\n");
        assert_eq!(d.codes(lines), expected, "{lines}");
    }
}

#[test]
fn nothing_secret_is_in_the_steps() {
    let mut d = Dialogue::tls(builder());
    d.say(
        "EHLO c\r\nAUTH LOGIN\r\nYWRh\r\nc2VjcmV0\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\nc2VjcmV0\r\n",
    );
    let shown = format!("{:?} {:?}", d.steps, d.service);
    assert!(
        !shown.contains("c2VjcmV0") && !shown.contains("secret") && !shown.contains("AGFk"),
        "{shown}"
    );
}

#[test]
fn rfc3207_starttls_resets_and_takes_nothing_from_before() {
    let mut d = Dialogue::new(builder());
    assert_eq!(d.codes("EHLO c\r\nSTARTTLS\r\n"), [250, 220]);
    assert_eq!(d.next(), Next::StartTls);
    d.server.tls_started();
    assert_eq!(d.codes("MAIL FROM:<>\r\nSTARTTLS\r\n"), [503, 503]);
    let mut d = Dialogue::new(builder().clear_text_auth(true));
    let clear = "EHLO c\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\nSTARTTLS\r\n";
    assert_eq!(d.codes(clear), [250, 235, 220]);
    d.server.tls_started();
    assert_eq!(d.codes("EHLO c\r\nMAIL FROM:<>\r\n"), [250, 530]);
    let mut d = Dialogue::new(builder());
    assert_eq!(
        d.codes("EHLO c\r\nSTARTTLS\r\nEHLO injected\r\n"),
        [250, 501]
    );
    assert_eq!(d.next(), Next::Close);
    let mut d = Dialogue::new(builder().without(Extension::StartTls));
    assert_eq!(d.codes("EHLO c\r\nSTARTTLS\r\n"), [250, 502]);
}

#[test]
fn rfc5321_4_1_4_order_of_commands() {
    for (lines, expected) in [
        ("MAIL FROM:<>\r\n", &[503][..]),
        (
            "EHLO c\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n",
            &[250, 503, 503],
        ),
        (
            "EHLO c\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\n",
            &[250, 250, 503],
        ),
        ("EHLO c\r\nMAIL FROM:<>\r\nDATA\r\n", &[250, 250, 554]),
        (
            "EHLO c\r\nMAIL FROM:<>\r\nRSET\r\nRCPT TO:<ada@example.org>\r\n",
            &[250, 250, 250, 503],
        ),
        (
            "EHLO c\r\nMAIL FROM:<>\r\nEHLO c\r\nRCPT TO:<ada@example.org>\r\n",
            &[250, 250, 250, 503],
        ),
        ("HELO c\r\nMAIL FROM:<>\r\n", &[250, 250]),
        (
            "EHLO c\r\nVRFY ada\r\nEXPN all\r\nHELP\r\nNOOP\r\nTURN\r\n",
            &[250, 252, 502, 214, 250, 500],
        ),
    ] {
        assert_eq!(Dialogue::new(open()).codes(lines), expected, "{lines}");
    }
}

#[test]
fn recipients_are_known_or_refused() {
    let mut d = Dialogue::new(open());
    d.say("EHLO c\r\nMAIL FROM:<>\r\n");
    let replies = d.say("RCPT TO:<eve@example.org>\r\nRCPT TO:<ADA@EXAMPLE.org> NOTIFY=NEVER\r\nRCPT TO:<ada@example.org>\r\n");
    assert!(replies.starts_with("550 5.1.1 <eve@example.org>: no such mailbox\r\n"));
    assert_eq!(codes(&replies), [550, 250, 250]);
    assert_eq!(d.codes("DATA\r\n.\r\n"), [354, 250]);
    let mails = d.service.store().mails_after(0);
    assert_eq!(
        mails.len(),
        1,
        "one copy, although the mailbox was named twice"
    );
    assert_eq!(
        mails[0].recipients[0].to_string(),
        "<ADA@EXAMPLE.org> NOTIFY=NEVER"
    );
    let mut d = Dialogue::new(open().catch_all("bob@example.org"));
    d.say("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<eve@example.org>\r\nDATA\r\n.\r\n");
    assert_eq!(d.service.store().mails_of("bob@example.org").len(), 1);
}

#[test]
fn rfc6531_addresses_beyond_ascii_need_smtputf8() {
    let mut d = Dialogue::new(open().catch_all("ada@example.org"));
    assert_eq!(
        d.codes("EHLO c\r\nMAIL FROM:<ü@x.de>\r\nMAIL FROM:<>\r\nRCPT TO:<ü@x.de>\r\nRSET\r\n"),
        [250, 553, 250, 553, 250]
    );
    assert_eq!(
        d.codes("MAIL FROM:<ü@x.de> SMTPUTF8\r\nRCPT TO:<ü@x.de>\r\n"),
        [250, 250]
    );
}

#[test]
fn content_is_held_to_the_letter() {
    let transaction = "MAIL FROM:<> BODY=8BITMIME\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n";
    for (content, code) in [
        ("ä\r\n", 250),
        ("a\nb\r\n", 554),
        ("a\rb\r\n", 554),
        ("a\n.\nMAIL FROM:<smuggled@x>\r\n", 554),
    ] {
        let mut d = Dialogue::new(open());
        d.say("EHLO c\r\n");
        let codes = d.codes(&format!("{transaction}{content}.\r\nNOOP\r\n"));
        assert_eq!(codes, [250, 250, 354, code, 250], "{content}");
        assert_eq!(d.stored().len(), usize::from(code == 250));
    }
    let mut d = Dialogue::new(open());
    d.say("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n");
    assert_eq!(d.codes("ä\r\n.\r\n"), [554]);
}

#[test]
fn rfc1870_and_the_limits_are_kept() {
    let mut limits = crate::Limits::default();
    (limits.message, limits.recipients, limits.errors) = (10, 1, 2);
    let mut d = Dialogue::new(open().limits(limits));
    d.say("EHLO c\r\n");
    assert_eq!(
        d.codes("MAIL FROM:<> SIZE=11\r\nMAIL FROM:<> SIZE=10\r\n"),
        [552, 250]
    );
    assert_eq!(
        d.codes("RCPT TO:<ada@example.org>\r\nRCPT TO:<bob@example.org>\r\n"),
        [250, 452]
    );
    assert_eq!(d.codes("DATA\r\n0123456789\r\n.\r\n"), [354, 552]);
    assert_eq!(d.codes("X\r\nX\r\nX\r\nNOOP\r\n"), [500, 500, 421]);
    assert_eq!(d.next(), Next::Close);
}

#[test]
fn rfc3030_chunks_make_a_mail() {
    let mut d = Dialogue::new(open());
    d.say("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\n");
    assert_eq!(
        d.codes("BDAT 5\r\n.\r\n.\rDATA\r\nBDAT 1\r\n\nBDAT 0 LAST\r\n"),
        [250, 503, 250, 250]
    );
    assert_eq!(d.stored(), [b".\r\n.\r\n"]);
    // The octets of a chunk that is refused are not taken for commands.
    assert_eq!(d.codes("BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"), [503, 250]);
    let mut d = Dialogue::new(open().without(Extension::Chunking));
    assert_eq!(d.codes("EHLO c\r\nBDAT 0 LAST\r\n"), [250, 502]);
}

#[test]
fn rfc3030_a_refused_chunk_spoils_the_mail_and_the_last_one_ends_it() {
    let fault = Fault::smtp(Stage::Bdat, Action::Reply(b"451 4.3.0 x".to_vec()));
    let mut d = Dialogue::new(open().fault(fault));
    d.say("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\n");
    let chunks = "BDAT 1\r\naBDAT 1\r\nbBDAT 1 LAST\r\nc";
    assert_eq!(d.codes(chunks), [451, 503, 503]);
    let next = "MAIL FROM:<>\r\nBDAT 2 LAST\r\nxxMAIL FROM:<>\r\n";
    assert_eq!(d.codes(next), [250, 554, 250]);
    assert!(d.stored().is_empty());
}

#[test]
fn bad_lines_end_the_connection() {
    for line in ["NOOP\n", "NO\rOP\r\n", "NOOP\0\r\n"] {
        let mut d = Dialogue::new(open());
        assert_eq!(d.codes(&format!("{line}NOOP\r\n")), [500], "{line:?}");
        assert_eq!(d.next(), Next::Close);
    }
    let mut d = Dialogue::new(open());
    assert_eq!(d.codes(&"x".repeat(20_000)), [500]);
}

#[test]
fn extensions_can_be_switched_off() {
    let mut d = Dialogue::new(open().without(Extension::Ehlo));
    assert_eq!(
        d.codes("EHLO c\r\nHELO c\r\nMAIL FROM:<>\r\n"),
        [502, 250, 250]
    );
    let off = [Extension::EnhancedStatusCodes, Extension::Size];
    let mut d = Dialogue::new(off.into_iter().fold(open(), Builder::without));
    let replies = d.say("EHLO c\r\nNOOP\r\nMAIL FROM:<> SIZE=1\r\n");
    assert!(
        replies.ends_with("250 Ok\r\n555 a parameter is not supported\r\n"),
        "{replies}"
    );
    assert!(!replies.contains("ENHANCED") && !replies.contains("SIZE"));
}

#[test]
fn rfc2920_nobody_pipelines_unasked() {
    let mut d = Dialogue::new(open().without(Extension::Pipelining));
    let replies = d.say("EHLO c\r\n");
    assert!(replies.contains("SIZE") && !replies.contains("PIPELINING"));
    assert_eq!(d.codes("MAIL FROM:<>\r\n"), [250]);
    assert_eq!(d.codes("RCPT TO:<ada@example.org>\r\n"), [250]);
    // The octets of a chunk are no further command.
    assert_eq!(d.codes("BDAT 3 LAST\r\na\r\n"), [250]);
    assert_eq!(d.codes("NOOP\r\nNOOP\r\n"), [500]);
    assert_eq!(d.next(), Next::Close);
}

#[test]
fn the_received_field_is_put_in_front_when_asked_for() {
    let mut d = Dialogue::new(open().received_field(true));
    d.say(MAIL);
    let stored = String::from_utf8(d.stored().remove(0)).unwrap();
    assert!(
        stored.starts_with(
            "Received: from c.example\r\n\tby localhost with ESMTP;\r\n\tThu, 1 Jan 1970"
        ),
        "{stored}"
    );
    assert!(stored.ends_with("\r\nSubject: x\r\n\r\n.\r\n"));
}

#[test]
fn a_refusing_fault_leaves_no_trace_and_an_accepting_one_does() {
    let reply = |stage, text: &str| Fault::smtp(stage, Action::Reply(text.into()));
    let mut d = Dialogue::new(
        open()
            .fault(reply(Stage::Rcpt, "450 4.2.1 x"))
            .fault(reply(Stage::Data, "250 what")),
    );
    d.say("EHLO c\r\nMAIL FROM:<>\r\n");
    assert_eq!(
        d.codes("RCPT TO:<ada@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n.\r\n"),
        [450, 250, 250, 250]
    );
    assert_eq!(d.service.store().mails_after(0).len(), 1);
    let mut d = Dialogue::new(open().fault(reply(Stage::EndOfData, "452 4.3.1 full")));
    assert_eq!(d.codes(MAIL), [250, 250, 250, 354, 452, 221]);
    assert!(d.stored().is_empty());
    let mut d = Dialogue::new(open().fault(Fault::smtp(Stage::EndOfData, Action::DropUnanswered)));
    assert_eq!(d.codes(MAIL), [250, 250, 250, 354]);
    assert_eq!((d.stored().len(), d.next()), (1, Next::Drop));
    let mut d = Dialogue::new(open().fault(Fault::smtp(Stage::Mail, Action::DropBefore)));
    assert_eq!((d.codes(MAIL), d.next()), (vec![250], Next::Drop));
}

#[test]
fn a_fault_that_asks_is_answered_and_no_answer_is_right() {
    let ask = Fault::smtp(Stage::Auth, Action::Reply(b"334 !!!".to_vec())).nth(1);
    let again = Fault::smtp(Stage::Auth, Action::Reply(b"334 AAAA".to_vec())).nth(2);
    let mut d = Dialogue::tls(builder().fault(ask).fault(again));
    d.say("EHLO c\r\n");
    assert_eq!(
        d.codes("AUTH LOGIN\r\nYWRh\r\nAAAA\r\n*\r\n"),
        [334, 334, 535, 500]
    );
    let ask = Fault::smtp(Stage::Auth, Action::Reply(b"334 !!!".to_vec()));
    let mut d = Dialogue::tls(builder().fault(ask));
    assert_eq!(
        d.codes("EHLO c\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\n*\r\nNOOP\r\n"),
        [250, 334, 501, 250]
    );
}

#[test]
fn the_connection_is_cut_within_the_content() {
    for size in 1..20 {
        let mut d =
            Dialogue::new(open().fault(Fault::smtp(Stage::Content, Action::DropAfterBytes(10))));
        assert_eq!(
            codes(&d.say_in(MAIL.as_bytes(), size)),
            [250, 250, 250, 354]
        );
        assert_eq!((d.stored().len(), d.next()), (0, Next::Drop));
    }
}

#[test]
fn addresses_do_what_they_say() {
    let rcpt = |local: &str| {
        let mut d = Dialogue::new(open());
        d.say("EHLO c\r\nMAIL FROM:<>\r\n");
        let codes = d.codes(&format!("RCPT TO:<{local}@example.org>\r\nDATA\r\n.\r\n"));
        (codes, d)
    };
    assert_eq!(rcpt("fail-551").0[0], 551);
    assert_eq!(rcpt("defer-450+ada").0[0], 450);
    assert_eq!(rcpt("reject-554+ada").0, [250, 354, 554]);
    let (codes, d) = rcpt("drop-data+ada");
    assert_eq!(
        (codes, d.next(), d.stored().len()),
        (vec![250, 354], Next::Drop, 1)
    );
    assert_eq!(rcpt("drop").1.next(), Next::Drop);
    let (codes, d) = rcpt("slow-20ms");
    assert_eq!(codes, [250, 354, 250]);
    assert_eq!(
        d.steps[2].actions,
        [Action::Delay(std::time::Duration::from_millis(20))]
    );
    assert_eq!(d.service.store().mails_of("slow-20ms@example.org").len(), 1);
    assert_eq!(rcpt("slow-1ms+eve").0[0], 550);
    let mut d = Dialogue::new(open().address_faults(false));
    assert_eq!(
        d.codes("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<fail-551@x>\r\n"),
        [250, 250, 550]
    );
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("EHLO c\r\n"),
        Just("MAIL FROM:<a@b>\r\n"),
        Just("MAIL FROM:<> BODY=8BITMIME SIZE=9\r\n"),
        Just("RCPT TO:<ada@example.org>\r\n"),
        Just("RCPT TO:<slow-1s@x>\r\n"),
        Just("DATA\r\n"),
        Just(".\r\n"),
        Just("BDAT 7\r\n"),
        Just("BDAT 0 LAST\r\n"),
        Just("AUTH PLAIN\r\n"),
        Just("AUTH LOGIN YWRh\r\n"),
        Just("c2VjcmV0\r\n"),
        Just("*\r\n"),
        Just("RSET\r\n"),
        Just("STARTTLS\r\n"),
        Just("text\r\n"),
        Just("\n")
    ];
    let piece = prop_oneof![
        6 => line.prop_map(|line| line.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

fn actions() -> impl Strategy<Value = Action> {
    prop_oneof![
        Just(Action::Omit),
        Just(Action::DropAfter),
        Just(Action::Garbage(9)),
        Just(Action::Raw(b"334 x\r\n".to_vec())),
        Just(Action::Reply(b"450 x".to_vec())),
        Just(Action::ReplyAfter(b"250 y".to_vec())),
        Just(Action::DropAfterBytes(3))
    ]
}

proptest! {
    #[test]
    fn any_octets_and_faults_leave_the_machine_sound_and_small(octets in octets(), action in actions(), n in 1u32..6, size in 1usize..40) {
        let run = |size| {
            let fault = Fault::smtp(Stage::Any, action.clone()).one_in(n);
            let mut d = Dialogue::tls(open().fault(fault));
            let replies = d.say_in(&octets, size);
            (replies, d)
        };
        let (replies, d) = run(size);
        let (whole_replies, whole) = run(usize::MAX);
        // What follows STARTTLS in its flight is an injection, and what is in the flight depends on the pieces.
        if !octets.windows(8).any(|w| w == b"STARTTLS") {
            prop_assert_eq!(&replies, &whole_replies);
            prop_assert_eq!(&d.steps, &whole.steps);
        }
        prop_assert!(d.input.len() < 12_288);
        prop_assert!(d.steps.len() <= octets.len() + 1);
    }

    #[test]
    fn what_is_sent_stuffed_is_stored_as_it_was(lines in proptest::collection::vec("[.a ]{0,6}", 0..12), size in 1usize..30) {
        let stuffed: String = lines.iter().map(|line| match line.starts_with('.') {
            true => format!(".{line}\r\n"),
            false => format!("{line}\r\n"),
        }).collect();
        let mut d = Dialogue::new(open());
        let script = format!("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ada@example.org>\r\nDATA\r\n{stuffed}.\r\n");
        d.say_in(script.as_bytes(), size);
        let expected: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
        prop_assert_eq!(d.stored(), vec![expected.into_bytes()]);
    }
}
