//! The answer to one HTTP request (RFC 9112): a GET asks, a POST does it. Bytes in, bytes out.
//!
//! A GET never switches anything off, because scanners follow links; RFC 8058 §3.2 asks for a POST.
//!
//! Not supported: anything else. A reverse proxy in front speaks HTTPS and keeps connections.

use super::{UnsubscribeError, UnsubscribeToken, unsubscribe};
use crate::store::{Store, StoreError, Work};
use crate::token::Signer;

/// The longest request, in octets.
pub const MAX_REQUEST: usize = 8 * 1024;

/// The answer to what has arrived of a request; `None` while it is not complete.
pub fn answer(request: &[u8], store: &dyn Store, signer: &Signer) -> Option<Vec<u8>> {
    let Some(head) = memchr::memmem::find(request, b"\r\n\r\n") else {
        let too_long = request.len() >= MAX_REQUEST;
        return too_long.then(|| {
            page(
                "431 Request Header Fields Too Large",
                "",
                "That is too long.",
            )
        });
    };
    let (head, body) = request.split_at(head);
    let head = String::from_utf8_lossy(head);
    let length = length(&head);
    if length > MAX_REQUEST {
        return Some(page("413 Content Too Large", "", "That is too long."));
    }
    if body.len() < length.saturating_add(4) {
        return None;
    }
    let mut words = head.split_whitespace();
    let (method, target) = (words.next()?, words.next().unwrap_or_default());
    let token = target
        .split_once('?')
        .and_then(|(_, query)| UnsubscribeToken::parse(query))
        .filter(|token| signer.verify_unsubscribe(token));
    let Some(token) = token else {
        return Some(page("404 Not Found", "", "This link is not one of ours."));
    };
    Some(match method {
        "GET" | "HEAD" => ask(&token),
        "POST" => done(&token, act(&token, store, signer)),
        _ => page(
            "405 Method Not Allowed",
            "Allow: GET, POST\r\n",
            "GET or POST.",
        ),
    })
}

/// The value of Content-Length; 0 if there is none.
fn length(head: &str) -> usize {
    let field = head.lines().skip(1).find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().unwrap_or(usize::MAX))
    });
    field.unwrap_or(0)
}

fn act(token: &UnsubscribeToken, store: &dyn Store, signer: &Signer) -> Result<(), StoreError> {
    match unsubscribe(store, signer, token) {
        Ok(change) => {
            let work = Work {
                changes: vec![change],
                ..Work::default()
            };
            store.commit(&work).map(drop)
        }
        Err(UnsubscribeError::Store(error)) => Err(error),
        Err(UnsubscribeError::NotOurs) => Ok(()),
    }
}

fn ask(token: &UnsubscribeToken) -> Vec<u8> {
    let text = format!(
        "Send no more mails of the kind <b>{}</b> to <b>{}</b>?\
         <form method=\"post\"><button>Unsubscribe</button></form>",
        escaped(token.notification()),
        escaped(token.address())
    );
    page("200 OK", "", &text)
}

fn done(token: &UnsubscribeToken, result: Result<(), StoreError>) -> Vec<u8> {
    match result {
        Ok(()) => {
            let notification = escaped(token.notification());
            let text = format!("Done: no more mails of the kind <b>{notification}</b>.");
            page("200 OK", "", &text)
        }
        Err(_) => page(
            "503 Service Unavailable",
            "Retry-After: 60\r\n",
            "That did not work. Please try again in a minute.",
        ),
    }
}

fn page(status: &str, more: &str, text: &str) -> Vec<u8> {
    let body = format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Unsubscribe</title><p>{text}</p>\n"
    );
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
         Content-Security-Policy: default-src 'none'; form-action 'self'\r\nReferrer-Policy: no-referrer\r\n\
         Cache-Control: no-store\r\n{more}Connection: close\r\n\r\n",
        body.len()
    );
    (head + &body).into_bytes()
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;");
    text.replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::SqliteStore;

    struct Page {
        store: SqliteStore,
        signer: Signer,
    }

    impl Page {
        fn new() -> Self {
            Self {
                store: SqliteStore::open_in_memory().unwrap(),
                signer: Signer::new(&[7; 32]).unwrap(),
            }
        }

        fn asked(&self, request: &str) -> Option<String> {
            let answer = answer(request.as_bytes(), &self.store, &self.signer)?;
            Some(String::from_utf8(answer).unwrap())
        }

        fn token(&self) -> UnsubscribeToken {
            self.signer.unsubscribe_token("<told>", "eve@example.net")
        }

        fn preferences(&self) -> usize {
            self.store.records(crate::preference::TABLE).unwrap().len()
        }
    }

    #[test]
    fn rfc8058_one_click_is_a_post_and_does_it() {
        let page = Page::new();
        let request = format!(
            "POST /unsubscribe?{} HTTP/1.1\r\nHost: x\r\ncontent-length: 26\r\n\r\nList-Unsubscribe=One-Click",
            page.token()
        );
        assert!(page.asked(&request).unwrap().starts_with("HTTP/1.1 200 "));
        assert_eq!(page.preferences(), 1);
    }

    #[test]
    fn rfc8058_a_get_asks_and_does_nothing() {
        let page = Page::new();
        let request = format!("GET /unsubscribe?{} HTTP/1.1\r\n\r\n", page.token());
        let answer = page.asked(&request).unwrap();
        assert!(answer.contains("&lt;told&gt;") && answer.contains("<form method=\"post\">"));
        assert_eq!(page.preferences(), 0);
    }

    #[test]
    fn what_is_not_ours_or_not_meant_so_does_nothing() {
        let page = Page::new();
        let other = Signer::new(&[8; 32]).unwrap();
        let forged = other.unsubscribe_token("told", "eve@example.net");
        for (request, status) in [
            (format!("POST /u?{forged} HTTP/1.1\r\n\r\n"), "404"),
            ("POST / HTTP/1.1\r\n\r\n".into(), "404"),
            (" \r\n\r\n".into(), ""),
            (
                format!("DELETE /u?{} HTTP/1.1\r\n\r\n", page.token()),
                "405",
            ),
            (
                format!(
                    "POST /u?{} HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n",
                    page.token()
                ),
                "413",
            ),
            ("x".repeat(MAX_REQUEST), "431"),
        ] {
            let answer = page.asked(&request).unwrap_or_default();
            assert!(answer.contains(status), "{request}: {answer}");
        }
        assert_eq!(page.preferences(), 0);
    }

    #[test]
    fn any_chunking_gives_the_same_answer() {
        let page = Page::new();
        let request = format!(
            "POST /u?{} HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd",
            page.token()
        );
        for end in 0..request.len() {
            assert_eq!(page.asked(&request[..end]), None, "{end}");
        }
        assert!(page.asked(&request).is_some());
    }
}
