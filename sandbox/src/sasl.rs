//! The server's side of SASL, as far as the sandbox offers it: PLAIN (RFC 4616) and LOGIN.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postrider_wire::Secret;

/// A dialogue in progress: what is awaited next.
pub(crate) enum Exchange {
    /// The one message of PLAIN.
    Plain,
    /// The user name of LOGIN.
    LoginUser,
    /// The password of LOGIN.
    LoginPassword { user: String },
    /// A fault has asked something: any answer is heard, and none is right.
    Scripted,
}

/// What a response leads to.
pub(crate) enum Verdict {
    /// Another challenge, in base64.
    Challenge(Exchange, &'static str),
    /// Name and password are complete.
    Presented { user: String, password: Secret },
    /// The response is not base64, or not what the mechanism says.
    Malformed,
    /// The client cancelled with `*`.
    Cancelled,
    /// The answer cannot be right.
    Wrong,
}

impl Exchange {
    /// Begins a dialogue. LOGIN takes an initial response for the user name, because many servers do.
    pub(crate) fn start(mechanism: &str, initial: Option<&[u8]>) -> Verdict {
        let (exchange, challenge) = if mechanism.eq_ignore_ascii_case("PLAIN") {
            (Self::Plain, "")
        } else {
            (Self::LoginUser, "VXNlcm5hbWU6")
        };
        match initial {
            Some(b"=") => exchange.decoded(&[]),
            Some(response) => exchange.respond(response),
            None => Verdict::Challenge(exchange, challenge),
        }
    }

    /// Takes a response as it came on the wire.
    pub(crate) fn respond(self, response: &[u8]) -> Verdict {
        if response == b"*" {
            return Verdict::Cancelled;
        }
        match (self, STANDARD.decode(response)) {
            (Self::Scripted, _) => Verdict::Wrong,
            (exchange, Ok(decoded)) => exchange.decoded(&decoded),
            (_, Err(_)) => Verdict::Malformed,
        }
    }

    fn decoded(self, response: &[u8]) -> Verdict {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec());
        match self {
            Self::Plain => plain(response),
            Self::LoginUser => match text(response) {
                Ok(user) => Verdict::Challenge(Self::LoginPassword { user }, "UGFzc3dvcmQ6"),
                Err(_) => Verdict::Malformed,
            },
            Self::LoginPassword { user } => Verdict::Presented {
                user,
                password: Secret::new(response),
            },
            Self::Scripted => Verdict::Wrong,
        }
    }
}

/// `message = [authzid] UTF8NUL authcid UTF8NUL passwd` (RFC 4616 §2). Nobody may act for somebody else here.
fn plain(message: &[u8]) -> Verdict {
    let parts: Vec<&[u8]> = message.split(|byte| *byte == 0).collect();
    let [authzid, authcid, password] = parts.as_slice() else {
        return Verdict::Malformed;
    };
    match std::str::from_utf8(authcid) {
        Err(_) => Verdict::Malformed,
        Ok("") => Verdict::Malformed,
        Ok(_) if !authzid.is_empty() && authzid != authcid => Verdict::Wrong,
        Ok(user) => Verdict::Presented {
            user: user.to_owned(),
            password: Secret::new(*password),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn presented(verdict: Verdict) -> (String, Vec<u8>) {
        match verdict {
            Verdict::Presented { user, password } => (user, password.expose_secret().to_vec()),
            _ => panic!("nothing was presented"),
        }
    }

    #[test]
    fn rfc4616_plain_example() {
        let initial = STANDARD.encode(b"\0tim\0tanstaaftanstaaf");
        let (user, password) = presented(Exchange::start("plain", Some(initial.as_bytes())));
        assert_eq!(
            (user.as_str(), &password[..]),
            ("tim", &b"tanstaaftanstaaf"[..])
        );
        let for_another = STANDARD.encode(b"Ursel\0Kurt\0xipj3plmq");
        assert!(matches!(
            Exchange::start("PLAIN", Some(for_another.as_bytes())),
            Verdict::Wrong
        ));
    }

    #[test]
    fn login_asks_for_the_name_and_then_the_password() {
        let Verdict::Challenge(exchange, "VXNlcm5hbWU6") = Exchange::start("LOGIN", None) else {
            panic!("no prompt for the name");
        };
        let Verdict::Challenge(exchange, "UGFzc3dvcmQ6") = exchange.respond(b"dGlt") else {
            panic!("no prompt for the password");
        };
        assert_eq!(
            presented(exchange.respond(b"cHc=")),
            ("tim".to_owned(), b"pw".to_vec())
        );
    }

    #[test]
    fn rfc4954_cancelled_malformed_and_empty_responses() {
        assert!(matches!(Exchange::Plain.respond(b"*"), Verdict::Cancelled));
        assert!(matches!(Exchange::Plain.respond(b"!"), Verdict::Malformed));
        assert!(matches!(
            Exchange::start("PLAIN", Some(b"=")),
            Verdict::Malformed
        ));
        assert!(matches!(
            Exchange::Plain.respond(b"AGFiYw=="),
            Verdict::Malformed
        ));
    }
}
