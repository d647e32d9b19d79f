use crate::{Request, State, Status};

/// The state machine as a Mermaid diagram, made from the transitions themselves.
///
/// The commands that leave the state as it is are left out, except that every state but the first and the last has some.
pub fn state_diagram() -> String {
    let mut lines = vec![
        "stateDiagram-v2".to_owned(),
        "    [*] --> Greeting".to_owned(),
    ];
    for status in [Status::Ok, Status::Err] {
        let to = State::after_greeting(status);
        lines.push(format!("    Greeting --> {to}: greeting {}", shown(status)));
    }
    for from in State::ALL {
        for request in CHANGING {
            lines.extend(transitions(from, *request));
        }
    }
    lines.push(format!(
        "    {} --> {}: handshake",
        State::TlsNegotiation,
        State::Authorization
    ));
    lines.push("    Closed --> [*]".to_owned());
    lines.join("\n") + "\n"
}

/// Commands without a message number, as far as they can change the state.
const CHANGING: &[Request] = &[
    Request::Capa,
    Request::Stls,
    Request::User,
    Request::Pass,
    Request::Auth,
    Request::Stat,
    Request::List(None),
    Request::Uidl(None),
    Request::Noop,
    Request::Rset,
    Request::Utf8,
    Request::Lang,
    Request::Quit,
];

fn transitions(from: State, request: Request) -> Vec<String> {
    let mut lines = Vec::new();
    let sent = from.after_sending(request);
    if let Some(to) = sent.filter(|to| *to != from) {
        lines.push(format!("    {from} --> {to}: {request}"));
    }
    // An answer is possible where the command was sent, or where sending it has led to.
    let reachable = sent.is_some()
        || State::ALL
            .iter()
            .any(|s| *s != from && s.after_sending(request) == Some(from));
    for status in [Status::Ok, Status::Err] {
        let to = from.after_reply(request, status);
        if reachable && to != from {
            lines.push(format!("    {from} --> {to}: {request} {}", shown(status)));
        }
    }
    lines
}

fn shown(status: Status) -> &'static str {
    match status {
        Status::Ok => "+OK",
        Status::Err => "-ERR",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_shows_the_diagram_that_the_code_makes() {
        let readme = include_str!("../README.md");
        let fenced = format!("```mermaid\n{}```", state_diagram());
        assert!(
            readme.contains(&fenced),
            "README.md should contain:\n{fenced}"
        );
    }
}
