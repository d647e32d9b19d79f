//! LMTP: as many final replies as recipients (RFC 2033 §4.2).

use super::*;

#[test]
fn rfc2033_chunks_in_lmtp_wait_until_the_recipients_are_counted() {
    let last = Command::Bdat {
        octets: 0,
        last: true,
    };
    for (protocol, waits) in [(Protocol::Lmtp, true), (Protocol::Smtp, false)] {
        let mut talk = Talk::of(connection(protocol, &["PIPELINING", "CHUNKING"]));
        talk.mail();
        talk.hears("250 ok");
        talk.rcpt("b@x");
        // A chunk that is not the last has one reply in either.
        assert!(talk.connection.permits(&Command::Bdat {
            octets: 0,
            last: false
        }));
        assert_eq!(talk.connection.permits(&last), !waits);
    }
}

#[test]
fn rfc2033_4_2_there_are_as_many_final_replies_in_lmtp_as_recipients() {
    for (protocol, replies) in [(Protocol::Lmtp, 2), (Protocol::Smtp, 1)] {
        let mut talk = Talk::of(connection(protocol, &["CHUNKING"])).with_recipients(2);
        talk.says(&Command::Data);
        assert!(talk.connection.content().is_err(), "DATA is not answered");
        talk.hears("354 go");
        assert_eq!(talk.connection.state(), State::Data);
        talk.connection.content().unwrap();
        assert!(talk.connection.content().is_err(), "permitted once");
        assert_eq!(talk.connection.awaited(), replies);
        for left in (1..replies).rev() {
            talk.hears("250 ok");
            assert_eq!(
                (talk.connection.state(), talk.connection.awaited()),
                (State::Data, left)
            );
        }
        talk.hears("250 ok");
        assert_eq!(talk.connection.state(), State::Ready);

        // The count begins anew with each transaction.
        let mut talk = talk.with_recipients(1);
        talk.says(&Command::Bdat {
            octets: 0,
            last: true,
        });
        assert_eq!(talk.connection.awaited(), 1);
    }
}

#[test]
fn rfc2033_4_2_the_last_chunk_in_lmtp_has_a_reply_for_each_recipient() {
    let lmtp = || Talk::of(connection(Protocol::Lmtp, &["PIPELINING", "CHUNKING"]));
    let mut talk = lmtp().with_recipients(3);
    talk.says(&Command::Bdat {
        octets: 0,
        last: true,
    });
    assert_eq!(talk.connection.awaited(), 3);
    let mut talk = lmtp().with_recipients(3);
    talk.says(&Command::Bdat {
        octets: 0,
        last: false,
    });
    assert_eq!(talk.connection.awaited(), 1);
}

#[test]
fn rfc2033_content_without_a_recipient_in_lmtp_has_no_final_reply() {
    let mut talk = Talk::of(connection(Protocol::Lmtp, &["PIPELINING"]));
    talk.mail();
    talk.rcpt("b@x");
    talk.says(&Command::Data);
    talk.hears("250 ok");
    talk.hears("550 who?");
    talk.hears("354 go");
    talk.connection.content().unwrap();
    assert_eq!(
        (talk.connection.state(), talk.connection.awaited()),
        (State::Ready, 0)
    );
    talk.mail();
}
