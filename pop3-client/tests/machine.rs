//! What servers send, and what must come of it: each script whole, byte by byte, and cut at every offset.

#![allow(clippy::unwrap_used, clippy::panic)]

mod common;

use bytes::BytesMut;
use common::{Cut, n, opening, play, play_every_way, session, session_until_eof, turn};
use postrider_pop3::{
    Command, Connection, DropListing, Event, Limits, Local, Password, Phase, Request, ResponseCode,
    ScanListing, State, UserName, Violation,
};

#[test]
fn rfc1939_10_example_session() {
    let heard = session([
        turn([Command::Stat], "+OK 2 320\r\n"),
        turn(
            [Command::List(None)],
            "+OK 2 messages (320 octets)\r\n1 120\r\n2 200\r\n.\r\n",
        ),
        turn([Command::Retr(n(1))], "+OK 120 octets\r\nhello\r\n.\r\n"),
        turn([Command::Dele(n(1))], "+OK message 1 deleted\r\n"),
        turn(
            [Command::Quit],
            "+OK dewey POP3 server signing off (maildrop empty)\r\n",
        ),
    ]);
    assert_eq!(heard.error, None);
    assert_eq!(heard.bodies(), [b"hello\r\n"]);
    assert!(heard.events.contains(&Event::DropListing(DropListing {
        count: 2,
        octets: 320
    })));
    assert!(heard.events.contains(&Event::ScanListing(ScanListing {
        number: n(2),
        octets: 200
    })));
    assert!(
        heard
            .written
            .ends_with(b"STAT\r\nLIST\r\nRETR 1\r\nDELE 1\r\nQUIT\r\n")
    );
}

fn body_of(reply: &[u8]) -> Vec<u8> {
    let heard = session([
        turn([Command::Retr(n(1))], reply),
        turn([Command::Noop], "+OK nothing\r\n"),
    ]);
    assert_eq!(heard.error, None, "{:?}", String::from_utf8_lossy(reply));
    let last = heard.events.last().unwrap();
    assert!(
        matches!(
            last,
            Event::Accepted {
                request: Request::Noop,
                ..
            }
        ),
        "{last:?}"
    );
    heard.bodies().concat()
}

#[test]
fn s1_a_bare_lf_dot_inside_a_crlf_message_is_content() {
    let reply = b"+OK\r\nSubject: x\r\n\r\nA\n.\n+OK smuggled reply\r\nZ\r\n.\r\n";
    assert_eq!(
        body_of(reply),
        b"Subject: x\r\n\r\nA\n.\n+OK smuggled reply\r\nZ\r\n"
    );
}

#[test]
fn s2_a_server_of_bare_lfs_is_understood() {
    let reply = "+OK\nSubject: x\n\nbody\n..foo\n.\n";
    assert_eq!(body_of(reply.as_bytes()), b"Subject: x\n\nbody\n.foo\n");
    let lf = play_every_way(
        &Limits::default(),
        &[
            turn([], "+OK\n"),
            turn([Command::User(UserName::new("u").unwrap())], "+OK\n"),
            turn([Command::Pass(Password::new("p").unwrap())], "+OK\n"),
            turn([Command::Uidl(None)], "+OK\n1 AAA\n.\n"),
            turn([Command::Retr(n(1))], reply),
            turn([Command::Quit], "+OK\n"),
        ],
        true,
    );
    assert_eq!(lf.error, None);
    assert_eq!(lf.bodies(), [b"Subject: x\n\nbody\n.foo\n"]);
}

#[test]
fn s3_the_end_of_input_is_never_the_end_of_a_message() {
    for text in ["part", "part\r\n", "part\r\n.", "part\r\n.\r", "part\n.\n"] {
        let reply = format!("+OK 1000 octets\r\nSubject: x\r\n\r\n{text}");
        let heard = session_until_eof([turn([Command::Retr(n(1))], reply)]);
        assert_eq!(
            heard.error,
            Some(Violation::Truncated {
                request: Some(Request::Retr(n(1)))
            }),
            "{text:?}"
        );
        assert!(!heard.events.iter().any(|e| matches!(
            e,
            Event::Finished {
                request: Request::Retr(_),
                ..
            }
        )));
    }
}

#[test]
fn s4_s5_dots_and_emptiness() {
    assert_eq!(body_of(b"+OK\r\n.\r\n"), b"");
    assert_eq!(
        body_of(b"+OK\r\nSubject: x\r\n\r\n..foo\r\n..\r\n...bar\r\n.lone\r\nend\r\n.\r\n"),
        b"Subject: x\r\n\r\n.foo\r\n.\r\n..bar\r\nlone\r\nend\r\n"
    );
}

#[test]
fn bodies_pass_unchanged_whatever_bytes_and_line_lengths_they_have() {
    assert_eq!(
        body_of(b"+OK\r\nSubject: \xe9\xff\r\n\r\nb\x00dy\r\n.\r\n"),
        b"Subject: \xe9\xff\r\n\r\nb\x00dy\r\n"
    );
    let long = "a".repeat(5_000);
    let heard = play(
        &Limits::default(),
        &opening()
            .into_iter()
            .chain([turn(
                [Command::Retr(n(1))],
                format!("+OK\r\n{long}\r\n.\r\n"),
            )])
            .collect::<Vec<_>>(),
        Cut::EveryByte,
        false,
    );
    assert_eq!(heard.bodies().concat().len(), 5_002);
    assert_eq!(
        body_of(b"+OK\r\n\nmid\n.\nmore\r\n.\r\n"),
        b"\nmid\n.\nmore\r\n"
    );
}

#[test]
fn s6_a_status_line_ends_within_the_limit_or_not_at_all() {
    let bomb = [b"+OK ".to_vec(), vec![b'a'; 4_096]].concat();
    let greeted = play(
        &Limits::default(),
        &[turn([], &bomb)],
        Cut::EveryByte,
        false,
    );
    assert_eq!(greeted.error, Some(Violation::LineTooLong { limit: 4_096 }));
    for command in [
        Command::Stat,
        Command::Retr(n(1)),
        Command::List(None),
        Command::Quit,
        Command::Dele(n(1)),
    ] {
        let turns: Vec<_> = opening()
            .into_iter()
            .chain([turn([command], &bomb)])
            .collect();
        let heard = play(&Limits::default(), &turns, Cut::Whole, false);
        assert_eq!(heard.error, Some(Violation::LineTooLong { limit: 4_096 }));
    }
}

#[test]
fn s7_a_message_stops_near_the_size_that_list_gave() {
    let mut pop3 = logged_in();
    exchange(&mut pop3, &Command::List(None), b"+OK\r\n1 60\r\n.\r\n").unwrap();
    let (mut out, mut input) = (BytesMut::new(), BytesMut::from(&b"+OK 60 octets\r\n"[..]));
    pop3.send(&Command::Retr(n(1)), &mut out).unwrap();
    let line = [vec![b'a'; 76], b"\r\n".to_vec()].concat();
    let mut octets = 0;
    let error = loop {
        input.extend_from_slice(&line);
        match pop3.receive(&mut input) {
            Ok(Some(Event::Body { bytes, .. })) => octets += bytes.len(),
            Ok(_) => {}
            Err(error) => break error,
        }
        assert!(octets < 200_000, "it does not stop");
    };
    let limit = 2 * 60 + 65_536;
    assert_eq!(
        error,
        Violation::MessageTooLarge {
            number: n(1),
            limit,
            listed: Some(60)
        }
    );
    assert!(octets as u64 <= limit);
    assert_eq!(pop3.state(), State::Closed);
}

#[test]
fn s8_listings_have_no_more_lines_than_stat_counted() {
    let bomb = |command: Command, reply: &str| {
        session([
            turn([Command::Stat], "+OK 1 60\r\n"),
            turn([command], reply),
        ])
        .error
    };
    let uid = "9".repeat(65);
    let uidl = format!("+OK\r\n1 {uid}\r\n1 {uid}\r\n1 {uid}\r\n");
    let limit = 1;
    assert_eq!(
        bomb(Command::Uidl(None), &uidl),
        Some(Violation::TooManyLines {
            request: Request::Uidl(None),
            limit
        })
    );
    assert_eq!(
        bomb(Command::List(None), "+OK\r\n1 1\r\n2 2\r\n"),
        Some(Violation::TooManyLines {
            request: Request::List(None),
            limit
        })
    );
    let capa = format!("+OK\r\n{}", "X\r\n".repeat(257));
    assert_eq!(
        bomb(Command::Capa, &capa),
        Some(Violation::TooManyLines {
            request: Request::Capa,
            limit: 256
        })
    );
    let limits = Limits {
        max_entries: 2,
        ..Limits::default()
    };
    let turns: Vec<_> = opening()
        .into_iter()
        .chain([turn([Command::List(None)], "+OK\r\n1 1\r\n2 2\r\n3 3\r\n")])
        .collect();
    assert_eq!(
        play_every_way(&limits, &turns, false).error,
        Some(Violation::TooManyLines {
            request: Request::List(None),
            limit: 2
        })
    );
}

#[test]
fn s9_a_number_listed_twice_is_an_error_and_a_unique_id_listed_twice_is_not() {
    let twice = session([turn(
        [Command::Uidl(None)],
        "+OK\r\n1 AAA\r\n1 BBB\r\n.\r\n",
    )]);
    assert_eq!(twice.error, Some(Violation::Duplicate(n(1))));
    let list = session([turn([Command::List(None)], "+OK\r\n1 5\r\n1 5\r\n.\r\n")]);
    assert_eq!(list.error, Some(Violation::Duplicate(n(1))));
    let copies = session([turn(
        [Command::Uidl(None)],
        "+OK\r\n1 AAA\r\n2 AAA\r\n.\r\n",
    )]);
    assert_eq!(copies.error, None);
    let ids = copies
        .events
        .iter()
        .filter(|e| matches!(e, Event::UniqueId(u) if u.id.is_some()));
    assert_eq!(ids.count(), 2);
}

#[test]
fn s10_s12_unreadable_listings_are_errors() {
    let error = |command: Command, reply: &str| {
        session([turn([Command::Stat], "+OK 2 9\r\n"), turn([command], reply)]).error
    };
    for reply in [
        "+OK 99999999999999999999 1\r\n",
        "+OK -1 -1\r\n",
        "+OK 1\r\n",
        "+OK x y\r\n",
        "+OK\r\n",
    ] {
        assert!(
            matches!(
                error(Command::Stat, reply),
                Some(Violation::Unreadable { .. })
            ),
            "{reply:?}"
        );
    }
    assert_eq!(error(Command::Stat, "+OK 007 1\r\n"), None);
    for line in ["0 10", "-1 10", "1", "x", "1 -1", ""] {
        let reply = format!("+OK\r\n{line}\r\n.\r\n");
        assert!(
            matches!(
                error(Command::List(None), &reply),
                Some(Violation::Unreadable { .. })
            ),
            "{line:?}"
        );
    }
    let beyond = Some(Violation::OutOfRange {
        number: n(3),
        count: 2,
    });
    assert_eq!(error(Command::List(None), "+OK\r\n3 10\r\n.\r\n"), beyond);
    assert_eq!(error(Command::Uidl(None), "+OK\r\n3 AAA\r\n.\r\n"), beyond);
    assert!(matches!(
        error(Command::Uidl(None), "+OK\r\n1 a\x1b[2Jb\r\n.\r\n"),
        Some(Violation::Unreadable { .. })
    ));
    assert_eq!(error(Command::Uidl(None), "+OK\r\n1 \r\n.\r\n"), None);
    // Fewer lines than STAT counted: messages marked as deleted are not listed (RFC 1939 §5).
    assert_eq!(error(Command::List(None), "+OK\r\n2 10\r\n.\r\n"), None);
}

#[test]
fn s13_the_terminator_decides_and_not_the_size_announced() {
    let heard = session([
        turn([Command::List(None)], "+OK\r\n1 60\r\n.\r\n"),
        turn(
            [Command::Retr(n(1))],
            "+OK 3 octets\r\nSubject: x\r\n\r\nlonger than three\r\n.\r\n",
        ),
    ]);
    let finished = Event::Finished {
        request: Request::Retr(n(1)),
        octets: 33,
    };
    assert_eq!(heard.events.last(), Some(&finished));
}

#[test]
fn s14_clear_text_after_stls_is_fatal() {
    for injected in ["+OK begin\r\n+OK fake CAPA\r\n", "+OK begin\r\n+OK fa"] {
        for cut in (1..injected.len())
            .map(Cut::At)
            .chain([Cut::Whole, Cut::EveryByte])
        {
            let turns = [turn([], "+OK\r\n"), turn([Command::Stls], injected)];
            let heard = play(&Limits::default(), &turns, cut, false);
            assert_eq!(heard.error, Some(Violation::ClearTextAfterStls), "{cut:?}");
            assert_eq!(heard.written, b"STLS\r\n");
        }
    }
}

#[test]
fn rfc2595_4_what_was_learned_in_clear_text_is_forgotten() {
    let mut pop3 = Connection::new(Limits::default());
    let mut input = BytesMut::from(&b"+OK ready <1.2@x>\r\n"[..]);
    pop3.receive(&mut input).unwrap();
    exchange(
        &mut pop3,
        &Command::Capa,
        b"+OK\r\nPIPELINING\r\nSTLS\r\n.\r\n",
    )
    .unwrap();
    exchange(&mut pop3, &Command::Stls, b"+OK begin\r\n").unwrap();
    assert_eq!(
        (pop3.state(), pop3.phase()),
        (State::TlsNegotiation, Phase::Tls)
    );
    let mut out = BytesMut::new();
    assert!(pop3.send(&Command::Capa, &mut out).is_err());
    pop3.tls_started();
    assert_eq!(pop3.state(), State::Authorization);
    assert!(pop3.capabilities().is_empty() && pop3.greeting().is_none());
    assert_eq!(
        pop3.send(&Command::Stls, &mut out),
        Err(Local::TooLateForStls)
    );
    assert!(out.is_empty());
}

#[test]
fn s19_what_nobody_asked_for_is_an_error() {
    let surplus = session([turn([Command::Noop], "+OK\r\n+OK surplus\r\n")]);
    assert_eq!(
        surplus.error,
        Some(Violation::Unsolicited("+OK surplus".into()))
    );
    let idle = play(
        &Limits::default(),
        &[turn([], "+OK\r\n"), turn([], "+OK idle\r\n")],
        Cut::Whole,
        false,
    );
    assert_eq!(idle.error, Some(Violation::Unsolicited("+OK idle".into())));
}

#[test]
fn s20_one_refusal_in_a_flight_touches_no_other() {
    let commands: Vec<_> = (1..=64).map(|i| Command::Retr(n(i))).collect();
    let replies: String = (1..=64)
        .map(|i| {
            if i == 30 {
                "-ERR [SYS/TEMP] x\r\n".to_owned()
            } else {
                format!("+OK\r\nmail {i}\r\n.\r\n")
            }
        })
        .collect();
    let heard = session([turn(commands, replies)]);
    assert_eq!(heard.error, None);
    let finished = heard.events.iter().filter_map(|e| match e {
        Event::Finished {
            request: Request::Retr(number),
            ..
        } => Some(number.value()),
        Event::Refused {
            request: Some(Request::Retr(number)),
            reply,
        } => {
            assert_eq!(
                (number.value(), reply.code()),
                (30, Some(&ResponseCode::SysTemp))
            );
            Some(number.value())
        }
        _ => None,
    });
    let finished: Vec<_> = finished.collect();
    assert_eq!(finished, (1..=64).collect::<Vec<_>>());
    let mut bodies = heard.bodies();
    assert_eq!(bodies.len(), 63);
    assert_eq!(bodies.remove(29), b"mail 31\r\n");
}

#[test]
fn s21_odd_capability_lines_are_ignored() {
    let heard = session([turn(
        [Command::Capa],
        b"+OK\r\nEXPIRENEVER\r\nCAPA\r\n\r\n\xe9\r\n.x\r\nTOP\r\n.\r\n",
    )]);
    assert_eq!(heard.error, None);
    assert_eq!(
        heard.events.last(),
        Some(&Event::Finished {
            request: Request::Capa,
            octets: 0
        })
    );
}

#[test]
fn s22_uidl_of_one_message() {
    for (reply, ok) in [
        ("+OK 1808fe58\r\n", true),
        ("+OK 1   AAA\r\n", true),
        ("+OK 2 AAA\r\n", false),
    ] {
        let heard = session([turn([Command::Uidl(Some(n(1)))], reply)]);
        assert_eq!(heard.error.is_none(), ok, "{reply:?}");
    }
}

#[test]
fn a_greeting_is_plus_ok_or_an_error() {
    for greeting in ["220 smtp\r\n", "\0\0\0\r\n", "+ok\r\n", "\r\n", "+\r\n"] {
        let heard = play_every_way(&Limits::default(), &[turn([], greeting)], false);
        assert!(
            matches!(heard.error, Some(Violation::NotAReply(_))),
            "{greeting:?}"
        );
    }
    let cut_off = play_every_way(&Limits::default(), &[turn([], "+OK")], true);
    assert_eq!(cut_off.error, Some(Violation::Truncated { request: None }));
    let refused = play_every_way(&Limits::default(), &[turn([], "-ERR\r\n")], true);
    assert!(matches!(
        refused.events[..],
        [Event::Refused { request: None, .. }]
    ));
    assert_eq!(refused.error, None);
}

#[test]
fn a_refused_send_writes_nothing_and_changes_nothing() {
    let mut pop3 = logged_in();
    let mut out = BytesMut::new();
    let user = Command::User(UserName::new("u").unwrap());
    assert!(matches!(
        pop3.send(&user, &mut out),
        Err(Local::WrongState { .. })
    ));
    pop3.send(&Command::Retr(n(1)), &mut out).unwrap();
    out.clear();
    let in_flight = Local::InFlight {
        request: Request::Quit,
        awaited: Request::Retr(n(1)),
    };
    assert_eq!(pop3.send(&Command::Quit, &mut out), Err(in_flight));
    assert!(out.is_empty());
    assert_eq!(pop3.awaited().collect::<Vec<_>>(), [Request::Retr(n(1))]);
}

#[test]
fn rfc2449_6_6_without_pipelining_one_command_at_a_time() {
    let mut pop3 = logged_in();
    exchange(&mut pop3, &Command::Capa, b"+OK\r\nUIDL\r\n.\r\n").unwrap();
    let mut out = BytesMut::new();
    pop3.send(&Command::Stat, &mut out).unwrap();
    assert!(matches!(
        pop3.send(&Command::Uidl(None), &mut out),
        Err(Local::InFlight { .. })
    ));
}

#[test]
fn rfc1939_6_quit_enters_the_update_state_and_ends_it() {
    let mut pop3 = logged_in();
    let mut out = BytesMut::new();
    pop3.send(&Command::Quit, &mut out).unwrap();
    assert_eq!((pop3.state(), pop3.phase()), (State::Update, Phase::Quit));
    assert!(pop3.send(&Command::Noop, &mut out).is_err());
    let mut input = BytesMut::from(&b"-ERR some deleted messages not removed\r\n"[..]);
    assert!(matches!(
        pop3.receive(&mut input),
        Ok(Some(Event::Refused {
            request: Some(Request::Quit),
            ..
        }))
    ));
    assert_eq!(pop3.state(), State::Closed);
}

fn logged_in() -> Connection {
    let mut pop3 = Connection::new(Limits::default());
    let (mut input, mut out) = (BytesMut::new(), BytesMut::new());
    for common::Turn(commands, reply) in opening() {
        for command in &commands {
            pop3.send(command, &mut out).unwrap();
        }
        input.extend_from_slice(&reply);
        while pop3.receive(&mut input).unwrap().is_some() {}
    }
    assert_eq!(
        (pop3.state(), pop3.phase()),
        (State::Transaction, Phase::Idle)
    );
    pop3
}

fn exchange(
    pop3: &mut Connection,
    command: &Command,
    reply: &[u8],
) -> Result<Vec<Event>, Violation> {
    let (mut input, mut events) = (BytesMut::from(reply), Vec::new());
    pop3.send(command, &mut BytesMut::new()).unwrap();
    while let Some(event) = pop3.receive(&mut input)? {
        events.push(event);
    }
    Ok(events)
}

#[test]
fn rfc1939_5_the_size_that_list_gave_a_message_is_known() {
    let (mut pop3, mut out) = (Connection::new(Limits::default()), BytesMut::new());
    let hear = |pop3: &mut Connection, text: &str| {
        let mut input = BytesMut::from(text);
        while pop3.receive(&mut input).unwrap().is_some() {}
    };
    hear(&mut pop3, "+OK\r\n");
    for command in [
        Command::User(UserName::new("u").unwrap()),
        Command::Pass(Password::new("p").unwrap()),
    ] {
        pop3.send(&command, &mut out).unwrap();
        hear(&mut pop3, "+OK\r\n");
    }
    assert_eq!(pop3.listed_octets(n(2)), None);
    pop3.send(&Command::List(None), &mut out).unwrap();
    hear(&mut pop3, "+OK\r\n1 120\r\n2 200\r\n.\r\n");
    assert_eq!(
        [1, 2, 3].map(|k| pop3.listed_octets(n(k))),
        [Some(120), Some(200), None]
    );
}
