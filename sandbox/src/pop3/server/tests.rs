use super::*;
use crate::fault::{Action, Fault};
use crate::mail::Arrival;
use crate::{Builder, Sandbox};
use bytes::Bytes;
use postrider_wire::Secret;
use proptest::prelude::*;

const LOGIN: &str = "USER ada\r\nPASS secret\r\n";

fn builder() -> Builder {
    Sandbox::builder()
        .mailbox("ada@example.org", "ada", "secret")
        .mailbox("bob@example.org", "bob", "secret")
}

/// A server, and what goes in and out of it.
struct Dialogue {
    service: Service,
    server: Pop3Server,
    input: BytesMut,
    steps: Vec<Step>,
}

impl Dialogue {
    /// A dialogue inside TLS with these mails in ada's maildrop.
    fn new(builder: Builder, mails: &[&'static str]) -> Self {
        let service = builder.service().unwrap();
        for mail in mails {
            deliver(&service, mail);
        }
        Self::second(&service)
    }

    /// Another session with the same service.
    fn second(service: &Service) -> Self {
        let mut server = Pop3Server::new(service);
        server.tls_started();
        Self {
            service: service.clone(),
            server,
            input: BytesMut::new(),
            steps: Vec::new(),
        }
    }

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

    fn logged_in(builder: Builder, mails: &[&'static str]) -> Self {
        let mut dialogue = Self::new(builder, mails);
        let replies = dialogue.say(LOGIN);
        assert!(
            replies.starts_with("+OK send PASS\r\n+OK maildrop has "),
            "{replies}"
        );
        dialogue
    }

    fn next(&self) -> Next {
        self.steps.last().unwrap().next
    }

    fn kept(&self) -> usize {
        self.service.store().mails_after(0).len()
    }
}

fn deliver(service: &Service, content: &'static str) {
    let arrival = Arrival {
        from: String::new(),
        recipients: Vec::new(),
        parameters: Vec::new(),
        content: Bytes::from_static(content.as_bytes()),
        tls: false,
        user: None,
        client: String::new(),
        received_at: SystemTime::UNIX_EPOCH,
    };
    let to = service
        .store()
        .route("ada@example.org")
        .into_iter()
        .collect();
    service.store().accept(arrival, &to).unwrap();
}

/// `+OK` and `-ERR` of each reply, multi-line ones without their lines.
fn signs(replies: &str) -> String {
    replies
        .lines()
        .filter_map(|line| match line {
            l if l.starts_with("+OK") => Some('+'),
            l if l.starts_with("-ERR") => Some('-'),
            l if l.starts_with("+ ") => Some('?'),
            _ => None,
        })
        .collect()
}

#[test]
fn rfc1939_10_example_session() {
    let mut d = Dialogue::logged_in(builder(), &["A: 1\r\n\r\n.x\r\n", "B: 2\r\n\r\ny"]);
    let uidl = |n: usize| d.service.store().mails_after(0)[n].uidl.clone();
    let (one, two) = (uidl(0), uidl(1));
    let replies = d.say("STAT\r\nLIST\r\nUIDL\r\nRETR 1\r\nTOP 2 0\r\nLIST 2\r\nUIDL 2\r\nDELE 1\r\nRETR 2\r\nQUIT\r\n");
    let expected = format!(
        "+OK 2 23\r\n\
         +OK maildrop has 2 messages (23 octets)\r\n1 12\r\n2 11\r\n.\r\n\
         +OK unique-id listing follows\r\n1 {one}\r\n2 {two}\r\n.\r\n\
         +OK 12 octets\r\nA: 1\r\n\r\n..x\r\n.\r\n\
         +OK top of message follows\r\nB: 2\r\n\r\n.\r\n\
         +OK 2 11\r\n+OK 2 {two}\r\n\
         +OK message 1 deleted\r\n\
         +OK 11 octets\r\nB: 2\r\n\r\ny\r\n.\r\n\
         +OK bye, 1 messages deleted\r\n"
    );
    assert_eq!(replies, expected);
    assert_eq!((d.kept(), d.next()), (1, Next::Close));
}

#[test]
fn every_chunking_gives_the_same_dialogue() {
    let scripts = [
        format!("CAPA\r\n{LOGIN}STAT\r\nLIST\r\nRETR 1\r\nDELE 1\r\nRSET\r\nDELE 2\r\nQUIT\r\n"),
        "AUTH PLAIN\r\nAGFkYQBzZWNyZXQ=\r\nUIDL\r\nfoo\r\nRETR 9\r\nQUIT\nNOOP\r\n".to_owned(),
        format!("NOOP {}\r\nQUIT\r\n", "x".repeat(300)),
    ];
    for script in scripts {
        let run = |size| {
            let mut d = Dialogue::new(builder(), &["A: 1\r\n\r\n.x\r\n", "."]);
            let replies = d.say_in(script.as_bytes(), size);
            (replies, d.steps, d.service.store().mails_after(0))
        };
        let whole = run(usize::MAX);
        for size in 1..script.len().min(60) {
            assert_eq!(run(size), whole, "pieces of {size} octets");
        }
    }
}

#[test]
fn rfc1939_6_only_quit_deletes() {
    for (end, kept) in [("QUIT\r\n", 1), ("RSET\r\nQUIT\r\n", 2), ("", 2), ("X", 2)] {
        let mut d = Dialogue::logged_in(builder(), &["a", "b"]);
        d.say("DELE 1\r\n");
        d.say(end);
        let service = d.service.clone();
        drop(d);
        assert_eq!(service.store().mails_after(0).len(), kept, "{end:?}");
    }
}

#[test]
fn rfc1939_5_what_is_marked_is_not_there() {
    let mut d = Dialogue::logged_in(builder(), &["a", "b", "c"]);
    let replies = d.say(
        "DELE 2\r\nDELE 2\r\nRETR 2\r\nLIST 2\r\nUIDL 2\r\nTOP 2 0\r\nDELE 0\r\nDELE 4\r\nSTAT\r\n",
    );
    assert_eq!(signs(&replies), "+-------+");
    assert!(replies.ends_with("+OK 2 6\r\n"));
    assert!(d.say("LIST\r\n").ends_with("\r\n1 3\r\n3 3\r\n.\r\n"));
    assert!(d.say("RSET\r\nSTAT\r\n").ends_with("+OK 3 9\r\n"));
}

#[test]
fn rfc2449_a_maildrop_in_use_is_refused_until_it_is_free() {
    let first = Dialogue::logged_in(builder(), &["a"]);
    let mut second = Dialogue::second(&first.service);
    let replies = second.say(LOGIN);
    assert!(replies.contains("\r\n-ERR [IN-USE] "), "{replies}");
    drop(first);
    assert_eq!(signs(&second.say(LOGIN)), "++");
}

#[test]
fn mail_that_arrives_during_a_session_is_seen_by_the_next() {
    let mut d = Dialogue::logged_in(builder(), &["a"]);
    deliver(&d.service, "b");
    assert_eq!(
        d.say("STAT\r\nDELE 1\r\nQUIT\r\n").lines().next(),
        Some("+OK 1 3")
    );
    assert_eq!(d.kept(), 1);
}

#[test]
fn passwords_are_taken_inside_tls_only() {
    let service = builder().service().unwrap();
    let mut d = Dialogue::second(&service);
    d.server = Pop3Server::new(&service);
    let replies = d.say("CAPA\r\nUSER ada\r\nAUTH PLAIN AGFkYQBzZWNyZXQ=\r\nSTLS\r\n");
    assert!(
        replies.contains("STLS\r\n") && !replies.contains("USER\r\n") && !replies.contains("SASL")
    );
    assert_eq!(signs(&replies), "+--+");
    assert_eq!(d.next(), Next::StartTls);
    d.server.tls_started();
    let replies = d.say("CAPA\r\nSTLS\r\n");
    assert!(
        replies.contains("USER\r\nSASL PLAIN LOGIN\r\nUIDL\r\n"),
        "{replies}"
    );
    assert_eq!(signs(&replies), "+-");
}

#[test]
fn rfc2595_nothing_may_follow_stls() {
    let service = builder().service().unwrap();
    let mut d = Dialogue::second(&service);
    d.server = Pop3Server::new(&service);
    assert_eq!(signs(&d.say("STLS\r\nCAPA\r\n")), "-");
    assert_eq!(d.next(), Next::Close);
}

#[test]
fn rfc5034_auth_dialogues() {
    for (lines, expected) in [
        ("AUTH PLAIN AGFkYQBzZWNyZXQ=\r\nSTAT\r\n", "++"),
        ("AUTH PLAIN\r\nAGFkYQBzZWNyZXQ=\r\n", "?+"),
        ("AUTH LOGIN\r\nYWRh\r\nc2VjcmV0\r\n", "??+"),
        ("AUTH LOGIN\r\n*\r\nCAPA\r\n", "?-+"),
        ("AUTH PLAIN AGFkYQB3cm9uZw==\r\n", "-"),
        ("AUTH PLAIN =\r\n", "-"),
        ("AUTH CRAM-MD5\r\n", "-"),
        ("USER ada\r\nPASS wrong\r\nPASS secret\r\n", "+--"),
        ("STAT\r\nPASS secret\r\n", "--"),
    ] {
        assert_eq!(
            signs(&Dialogue::new(builder(), &[]).say(lines)),
            expected,
            "{lines}"
        );
    }
    let mut d = Dialogue::new(builder(), &[]);
    assert!(d.say("USER ada\r\nPASS x\r\n").contains("-ERR [AUTH] "));
    let mut d = Dialogue::new(builder().without(Extension::RespCodes), &[]);
    assert!(!d.say("USER ada\r\nPASS x\r\n").contains('['));
}

#[test]
fn nothing_secret_is_in_the_steps() {
    let mut d = Dialogue::new(builder(), &[]);
    d.say(
        "AUTH LOGIN\r\nYWRh\r\nc2VjcmV0x\r\nc2VjcmV0\r\nPASS secret\r\nUSER ada\r\nPASS secret\r\n",
    );
    let shown = format!("{:?}", d.steps);
    assert!(
        !shown.contains("c2VjcmV0") && !shown.contains("secret"),
        "{shown}"
    );
}

#[test]
fn extensions_can_be_switched_off() {
    let off = [Extension::Uidl, Extension::Top];
    let mut d = Dialogue::logged_in(off.into_iter().fold(builder(), Builder::without), &["a"]);
    let replies = d.say("CAPA\r\nUIDL\r\nTOP 1 0\r\n");
    assert_eq!(signs(&replies), "+--");
    assert!(!replies.contains("UIDL") && !replies.contains("TOP"));
    let mut d = Dialogue::new(
        builder().without(Extension::Capa).without(Extension::User),
        &[],
    );
    assert_eq!(signs(&d.say("CAPA\r\nUSER ada\r\n")), "--");
}

#[test]
fn rfc2449_nobody_pipelines_unasked() {
    let mut d = Dialogue::new(builder().without(Extension::Pipelining), &[]);
    let replies = d.say("CAPA\r\n");
    assert!(replies.starts_with("+OK") && !replies.contains("PIPELINING"));
    assert_eq!(
        d.say("NOOP\r\nNOOP\r\n"),
        "-ERR PIPELINING is not offered\r\n"
    );
    assert_eq!(d.next(), Next::Close);
}

#[test]
fn bad_lines_and_too_many_errors_end_the_connection() {
    for line in [
        "NOOP\n",
        "NO\rOP\r\n",
        "NOOP\0\r\n",
        &format!("NOOP {}\r\n", "x".repeat(250)),
    ] {
        let mut d = Dialogue::new(builder(), &[]);
        assert_eq!(signs(&d.say(&format!("{line}CAPA\r\n"))), "-", "{line:?}");
        assert_eq!(d.next(), Next::Close);
    }
    let mut d = Dialogue::new(builder(), &[]);
    let replies = d.say(&"X\r\n".repeat(30));
    assert_eq!(signs(&replies).len(), 21);
    assert!(replies.ends_with("-ERR too many errors\r\n"));
}

#[test]
fn faults_at_quit_delete_or_do_not() {
    for (action, kept, next) in [
        (Action::DropBefore, 1, Next::Drop),
        (Action::DropUnanswered, 0, Next::Drop),
        (Action::Omit, 0, Next::Close),
        (
            Action::Reply(b"-ERR some were not removed".to_vec()),
            1,
            Next::Close,
        ),
    ] {
        let mut d = Dialogue::logged_in(
            builder().fault(Fault::pop3(Stage::Quit, action.clone())),
            &["a"],
        );
        d.say("DELE 1\r\nQUIT\r\n");
        assert_eq!((d.kept(), d.next()), (kept, next), "{action:?}");
    }
}

#[test]
fn faults_replace_replies_and_are_left_to_the_driver_where_only_it_can_play_them() {
    let fault = Fault::pop3(
        Stage::Retr,
        Action::Reply(b"-ERR [SYS/TEMP] later".to_vec()),
    )
    .nth(2);
    let torn = Fault::pop3(Stage::Retr, Action::DropAfterBytes(7)).nth(3);
    let mut d = Dialogue::logged_in(builder().fault(fault).fault(torn), &["a"]);
    let replies = d.say("RETR 1\r\nRETR 1\r\nRETR 1\r\n");
    assert_eq!(signs(&replies), "+-+");
    assert_eq!(d.steps.last().unwrap().actions, [Action::DropAfterBytes(7)]);
    let ask = Fault::pop3(Stage::Auth, Action::Reply(b"+ !!!".to_vec()));
    let mut d = Dialogue::new(builder().fault(ask), &[]);
    assert_eq!(
        signs(&d.say("AUTH PLAIN AGFkYQBzZWNyZXQ=\r\n*\r\nCAPA\r\n")),
        "?-+"
    );
    let service = &d.service;
    assert!(
        service.store().open("ada", &Secret::from("secret")).is_ok(),
        "the lock was given back"
    );
}

fn octets() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("USER ada\r\n"),
        Just("PASS secret\r\n"),
        Just("STAT\r\n"),
        Just("LIST\r\n"),
        Just("RETR 1\r\n"),
        Just("RETR 2\r\n"),
        Just("TOP 1 1\r\n"),
        Just("DELE 1\r\n"),
        Just("DELE 2\r\n"),
        Just("RSET\r\n"),
        Just("UIDL\r\n"),
        Just("AUTH PLAIN\r\n"),
        Just("AGFkYQBzZWNyZXQ=\r\n"),
        Just("CAPA\r\n"),
        Just("QUIT\r\n"),
        Just("\n"),
        Just("UIDL 4294967295\r\n")
    ];
    let piece = prop_oneof![
        8 => line.prop_map(|line| line.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ];
    proptest::collection::vec(piece, 0..25).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_octets_leave_the_machine_sound_and_small(octets in octets(), size in 1usize..40, n in 1u32..6) {
        let run = |size| {
            let fault = Fault::pop3(Stage::Any, Action::Garbage(5)).one_in(n);
            let mut d = Dialogue::new(builder().fault(fault), &["A: b\r\n\r\nc\r\n", "."]);
            let replies = d.say_in(&octets, size);
            (replies, d)
        };
        let (replies, d) = run(size);
        let (whole_replies, whole) = run(usize::MAX);
        prop_assert_eq!(replies, whole_replies);
        prop_assert_eq!(&d.steps, &whole.steps);
        prop_assert!(d.input.len() < 12_288);
        prop_assert!(d.steps.len() <= octets.len());
        let quit = d.steps.iter().any(|step| step.stage == Stage::Quit);
        prop_assert!(quit || d.kept() == 2, "deleted without QUIT");
    }
}
