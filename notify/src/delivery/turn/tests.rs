use super::*;
use crate::delivery::outcome::Peer;
use postrider_smtp::{Cause, Error, ErrorKind, Reply, Stage};

fn answer(outcome: Outcome, stage: Stage, cause: Cause) -> Answer {
    Answer::Outcome(RecipientOutcome {
        recipient: "ann@example.org".parse().unwrap(),
        outcome,
        stage,
        cause,
    })
}

fn said(outcome: Outcome, line: &str) -> Answer {
    let reply = Reply::parse(format!("{line}\r\n").as_bytes()).unwrap();
    answer(outcome, Stage::Rcpt, Cause::Reply(reply))
}

fn lost(outcome: Outcome, stage: Stage) -> Answer {
    let cause = Cause::Error(Error::new(Stage::Content, ErrorKind::Closed));
    answer(outcome, stage, cause)
}

fn over() -> Answer {
    lost(Outcome::Deferred, Stage::Content)
}

fn behind() -> Answer {
    lost(Outcome::Deferred, Stage::Queue)
}

fn heard(answers: Vec<Answer>) -> Heard {
    Heard {
        answers,
        peer: Peer::default(),
        reused: false,
        decided: 0,
        takes: None,
        failures: 0,
        fruitless: 0,
    }
}

#[test]
fn a_mail_whose_turn_had_not_come_is_given_back_and_no_other() {
    let unknown = lost(Outcome::Unknown, Stage::EndOfData);
    let taken = said(Outcome::Accepted, "250 ok");
    let answers = vec![taken, unknown, over(), behind(), Answer::None];
    let heard = heard(answers);
    for paused in [false, true] {
        let turn = Turn::of(&heard);
        let answers = heard.answers.iter().enumerate();
        let given_back = answers.map(|(n, answer)| turn.gives_back(n, answer, paused));
        let given_back: Vec<bool> = given_back.collect();
        assert_eq!(given_back, [false, false, false, true, false]);
    }
}

#[test]
fn a_connection_is_fruitless_where_the_server_decided_on_no_mail() {
    let closing = || said(Outcome::Deferred, "421 4.3.2 closing");
    let unasked = Reply::parse(b"250 hello\r\n").unwrap();
    let error = Error::new(Stage::Mail, ErrorKind::Unsolicited(unasked));
    let unasked = answer(Outcome::Deferred, Stage::Queue, Cause::Error(error));
    let unknown = lost(Outcome::Unknown, Stage::EndOfData);
    for answers in [
        vec![over(), behind()],
        vec![behind()],
        vec![unknown],
        vec![unasked],
        vec![closing(), behind()],
        vec![Answer::Unsendable("no".to_owned()), over()],
    ] {
        assert_eq!(Turn::of(&heard(answers)).fruitless, 1);
    }
    for decided in [
        vec![said(Outcome::Accepted, "250 ok"), over(), behind()],
        vec![said(Outcome::Refused, "550 who?"), over()],
        vec![said(Outcome::Deferred, "450 later"), closing(), behind()],
        vec![Answer::Unsendable("no".to_owned())],
        // Too large for the server by its own word: it was not asked.
        vec![lost(Outcome::Refused, Stage::Local)],
        vec![],
    ] {
        let heard = Heard {
            fruitless: 2,
            ..heard(decided)
        };
        let turn = Turn::of(&heard);
        assert_eq!((turn.fruitless, turn.rests), (0, false));
    }
}

#[test]
fn a_connection_that_was_open_before_has_borne_fruit() {
    let heard = Heard {
        reused: true,
        fruitless: 2,
        ..heard(vec![over(), behind()])
    };
    assert_eq!(Turn::of(&heard).fruitless, 0);
}

#[test]
fn the_third_fruitless_connection_in_a_row_pauses_the_account_or_the_first_after_a_pause() {
    for (before, failures, rests) in [
        (0, 0, false),
        (1, 0, false),
        (2, 0, true),
        (7, 0, true),
        (0, 1, true),
        (u32::MAX, 9, true),
    ] {
        let heard = Heard {
            failures,
            fruitless: before,
            ..heard(vec![over(), behind()])
        };
        let turn = Turn::of(&heard);
        assert_eq!(turn.rests, rests, "{before} {failures}");
        assert_eq!(turn.fruitless, before.saturating_add(1));
        assert!(turn.gives_back(1, &heard.answers[1], false));
        assert!(!turn.gives_back(1, &heard.answers[1], true));
    }
}

#[test]
fn a_421_behind_many_mails_of_a_connection_is_its_limit() {
    let closing = || said(Outcome::Deferred, "421 4.3.2 too many");
    for (before, good, wants_rest) in [
        (0, 0, true),
        (0, 9, true),
        (0, 10, false),
        (9, 0, true),
        (5, 5, false),
        (900, 99, false),
    ] {
        let mut answers: Vec<Answer> = (0..good)
            .map(|_| said(Outcome::Accepted, "250 ok"))
            .collect();
        answers.extend([closing(), behind()]);
        let heard = Heard {
            decided: before,
            reused: before > 0,
            ..heard(answers)
        };
        let turn = Turn::of(&heard);
        assert_eq!(turn.decided, before + good, "a 421 decides nothing");
        let asked = heard.answers.iter().filter_map(Answer::outcome);
        let asked: Vec<bool> = asked.map(|outcome| turn.wants_rest(outcome)).collect();
        assert_eq!(
            asked.iter().any(|rest| *rest),
            wants_rest,
            "{before} {good}"
        );
        assert!(!asked[..good].contains(&true) && !asked[good + 1]);
    }
}

/// `452 4.5.3` to MAIL, as OpenSMTPD says it behind a hundred mails.
fn turned_away() -> Answer {
    let reply = Reply::parse(b"452 4.5.3 Too many messages sent\r\n").unwrap();
    answer(Outcome::Deferred, Stage::Mail, Cause::Reply(reply))
}

#[test]
fn mails_that_are_turned_away_behind_one_that_was_decided_on_are_given_back() {
    let given_back = |before: usize, answers: Vec<Answer>| {
        let heard = Heard {
            decided: before,
            reused: before > 0,
            ..heard(answers)
        };
        let turn = Turn::of(&heard);
        let answers = heard.answers.iter().enumerate();
        let given: Vec<bool> = answers
            .map(|(n, answer)| turn.gives_back(n, answer, false))
            .collect();
        assert_eq!(turn.is_spent, given.contains(&true));
        given
    };
    let good = || said(Outcome::Accepted, "250 ok");
    let later = || said(Outcome::Deferred, "450 later");
    assert_eq!(
        given_back(0, vec![good(), turned_away(), turned_away()]),
        [false, true, true]
    );
    assert_eq!(given_back(3, vec![turned_away()]), [true]);
    // Somebody's own fault, or a server that takes nothing at all now.
    assert_eq!(given_back(3, vec![later(), later()]), [false, false]);
    assert_eq!(
        given_back(0, vec![turned_away(), turned_away()]),
        [false, false]
    );
    assert_eq!(
        given_back(0, vec![turned_away(), good(), turned_away(), later()]),
        [false, false, true, false]
    );
}

#[test]
fn what_a_server_takes_over_a_connection_is_learned_if_it_is_much() {
    let turn = |before: usize, takes: Option<usize>, answers: Vec<Answer>| {
        let turn = Turn::of(&Heard {
            decided: before,
            takes,
            ..heard(answers)
        });
        (turn.takes, turn.is_spent)
    };
    let good = || said(Outcome::Accepted, "250 ok");
    let closing = || said(Outcome::Deferred, "421 4.3.2 too many");
    assert_eq!(
        turn(99, None, vec![good(), turned_away()]),
        (Some(100), true)
    );
    assert_eq!(turn(99, None, vec![good(), closing()]), (Some(100), true));
    assert_eq!(
        turn(4, None, vec![good(), turned_away()]),
        (None, true),
        "a rate, perhaps"
    );
    assert_eq!(turn(4, None, vec![good(), closing()]), (None, false));
    assert_eq!(
        turn(99, Some(100), vec![good()]),
        (Some(100), true),
        "it has them"
    );
    assert_eq!(turn(98, Some(100), vec![good()]), (Some(100), false));
    assert_eq!(
        turn(50, Some(100), vec![turned_away()]),
        (Some(50), true),
        "fewer than it seemed"
    );
}
