use super::choices::Choices;
use super::naive::occurrences;
use postrider_wire::sasl::{self, ChannelBinding, Credentials, Exchange, Mechanism};

/// The first line chooses a mechanism, a form and whether the connection can be bound; every further line is a challenge
/// of the server, in which `NONCE` stands for ours.
///
/// * The dialogue ends: after some challenges nothing more is answered.
/// * A server that does not know the password is never believed by a mechanism that lets it prove so (RFC 5802 §5).
/// * The password is said by mechanisms that say it, and by nothing else: not by SCRAM, errors or debug output.
/// * What is encoded for the wire is decoded from it.
pub fn sasl(input: &[u8]) {
    let mut choices = Choices::new(input);
    let mut decisions = Choices::new(choices.line());
    let mechanism = Mechanism::ALL[decisions.number() % Mechanism::ALL.len()];
    let initial_sent = decisions.number() % 2 == 1;
    let binding = (decisions.number() % 2 == 1).then(|| ChannelBinding::tls_exporter("exported"));
    let credentials = credentials(mechanism);
    let mut exchange = Exchange::over(mechanism, &credentials, binding);
    let first = exchange.initial_response();
    let first = first.as_ref().map(|said| said.expose_secret().to_vec());
    let nonce = first.as_deref().and_then(nonce).unwrap_or_default();
    let mut said: Vec<u8> = first.unwrap_or_default();
    let proves = mechanism.name().starts_with("SCRAM");
    let mut answers = 0;
    for challenge in choices.rest().split(|b| *b == b'\n') {
        // More rounds than the least would only keep the property busy.
        let challenge = String::from_utf8_lossy(challenge).replace("NONCE", &nonce);
        if proves && rounds(&challenge) > 4096 {
            return;
        }
        match exchange.respond(challenge.as_bytes(), initial_sent) {
            Ok(response) => {
                answers += 1;
                said.extend_from_slice(response.expose_secret());
                assert_eq!(decoded(&response), response.expose_secret());
            }
            Err(error) => says_nothing(&format!("{error} {error:?}"), &challenge),
        }
        assert!(!proves || exchange.succeed(initial_sent).is_err());
        says_nothing(&format!("{exchange:?}"), &challenge);
    }
    assert!(answers <= sasl::MAX_CHALLENGES);
    // A nonce of the server goes back to it, whatever stands there.
    let theirs = occurrences(input, PASSWORD.as_bytes()) > 0;
    let exposed = occurrences(&said, PASSWORD.as_bytes()) > 0;
    assert!(
        !exposed || theirs || mechanism.exposes_credentials(),
        "{mechanism:?}"
    );
    let _ = sasl::decode(input);
}

const PASSWORD: &str = "a password of Ada's";

fn credentials(mechanism: Mechanism) -> Credentials {
    match mechanism {
        Mechanism::External => Credentials::external(),
        Mechanism::Anonymous => Credentials::anonymous("trace").expect("a trace"),
        Mechanism::Xoauth2 | Mechanism::OauthBearer => {
            Credentials::bearer("ada", "a-token-of-adas").expect("a token")
        }
        _ => Credentials::password("ada", PASSWORD).expect("a password"),
    }
}

/// `r=…` in our first message.
fn nonce(first: &[u8]) -> Option<String> {
    let first = String::from_utf8_lossy(first);
    Some(first.split(",r=").nth(1)?.to_owned())
}

fn rounds(challenge: &str) -> u32 {
    let rounds = challenge
        .split(',')
        .find_map(|field| field.strip_prefix("i="));
    rounds.and_then(|rounds| rounds.parse().ok()).unwrap_or(0)
}

fn decoded(response: &postrider_wire::Secret) -> Vec<u8> {
    sasl::decode(sasl::encode(response).expose_secret()).expect("base64")
}

fn says_nothing(text: &str, challenge: &str) {
    // What the server said itself may be quoted; ours may not. The first letter may be the last one of what a control character
    // is shown as.
    assert!(
        challenge.contains(&PASSWORD[1..]) || !text.contains(PASSWORD),
        "{text}"
    );
    assert!(
        challenge.contains("-token") || !text.contains("a-token-of-adas"),
        "{text}"
    );
}
