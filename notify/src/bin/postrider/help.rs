//! What `--help` says behind the options: examples, and exit codes that are not the same everywhere. The manual page has them too.

use crate::cli::Cli;
use clap::{Command, CommandFactory};

/// What stands behind the options of one command.
struct Behind {
    /// The command, without the name of the program.
    command: &'static str,
    /// Its examples, likewise.
    examples: &'static [&'static str],
    /// Its exit codes, beside those that are the same everywhere.
    codes: &'static str,
}

const fn behind(
    command: &'static str,
    examples: &'static [&'static str],
    codes: &'static str,
) -> Behind {
    Behind {
        command,
        examples,
        codes,
    }
}

/// Ends the help of the program.
const ALL: &str = "\
Start with `postrider try`, which needs nothing, or with `postrider init DIR`.

Exit codes are those of sysexits(3): 0 done; 64 the command line is wrong; 65 data given is wrong; 66 there is no such
input; 67 a recipient was refused; 69 a service does not work; 70 a defect of this program; 73 an output cannot be created;
74 reading or writing failed; 75 it may work later; 76 the server broke its protocol; 77 log-in was refused; 78 the
configuration is wrong. `postrider replay` ends with 1 where something would be different.";

const BEHIND: &[Behind] = &[
    behind(
        "try",
        &["try", "try --keep"],
        "0 everything held; 70 something did not",
    ),
    behind("init", &["init desk"], "73 a file is there already"),
    behind(
        "check",
        &[
            "check --offline",
            "check --json",
            "-C /etc/postrider check --dialogue",
        ],
        "0 all works; 69, 75, 76, 77 an account does not; 78 the configuration is wrong",
    ),
    behind(
        "run",
        &[
            "run",
            "run --once",
            "run --log json --metrics /var/lib/postrider/postrider.prom",
        ],
        "0 told to stop; 75 another daemon works on the database, or, with --once, an account does not work",
    ),
    behind(
        "health",
        &["health", "health --quiet --patience 10m", "health --json"],
        "0 all is well; 69 no daemon works on the database; 75 something waits for longer than --patience, or an account is \
         paused. Docker: HEALTHCHECK CMD [\"postrider\", \"-C\", \"/etc/postrider\", \"health\", \"--quiet\"]",
    ),
    behind(
        "record create",
        &[
            "record create incident short_description='Printer on fire' assigned_to=ada --as grace",
            "record create incident assigned_to=ada --dry-run",
            "record create user --id ada name='Ada Lovelace' email=ada@example.org",
        ],
        "65 a field is unknown, a value does not fit, or the record is there already",
    ),
    behind(
        "record update",
        &[
            "record update incident/INC0010001 priority=1 comments='It is back.' --as grace",
            "record update incident/INC0010001 assigned_to= --dry-run --json",
        ],
        "65 a field is unknown or a value does not fit; 66 there is no such record",
    ),
    behind(
        "record attach",
        &["record attach incident/INC0010001 screen.png log.txt"],
        "65 a file cannot be attached; 66 there is no such record or file",
    ),
    behind(
        "record show",
        &["record show incident/INC0010001 --json"],
        "66 there is no such record",
    ),
    behind(
        "record list",
        &["record list incident"],
        "65 there is no such table",
    ),
    behind(
        "event fire",
        &[
            "event fire incident.escalated --record incident/INC0010001 --key escalation-7",
            "event fire incident.escalated --record incident/INC0010001 --at +2h --dry-run",
        ],
        "65 the event is not registered; 66 there is no such record",
    ),
    behind(
        "event intake",
        &["event intake < events.jsonl"],
        "0 every line is on disk; 65 some were no events, as their acknowledgements say",
    ),
    behind(
        "log",
        &[
            "log --record incident/INC0010001",
            "log --where 'state=failed^code=550^recipientENDSWITH@example.org'",
            "log --export mails.csv --to ada@example.org",
            "log --export - | jq .subject",
        ],
        "0 shown, also where there is nothing; 64 the condition is wrong; 73 the file is there already",
    ),
    behind(
        "log show",
        &["log show 12", "log show 12 --json"],
        "66 there is no such mail",
    ),
    behind(
        "inbound list",
        &[
            "inbound list --state held",
            "inbound list --where 'class=new^subjectLIKEurgent'",
        ],
        "64 the condition is wrong",
    ),
    behind(
        "inbound show",
        &["inbound show 3"],
        "66 there is no such mail",
    ),
    behind(
        "inbound accept",
        &[
            "inbound accept 3",
            "inbound accept 3 --record incident/INC0010001",
        ],
        "65 it is processed already; 66 there is no such mail",
    ),
    behind(
        "inbound reprocess",
        &[
            "inbound reprocess 3",
            "inbound reprocess --where 'state=error^account=support'",
        ],
        "65 one of them is processed already; 66 there is no such mail",
    ),
    behind(
        "inbound ignore",
        &["inbound ignore 3"],
        "65 it is processed already; 66 there is no such mail",
    ),
    behind(
        "explain",
        &[
            "explain 7",
            "explain incident/INC0010001",
            "explain --sent 12",
            "explain answer.eml",
        ],
        "0 explained; 66 there is no such event, record or mail",
    ),
    behind(
        "preview",
        &[
            "preview incident_assigned --record incident/INC0010001",
            "preview incident_assigned --record incident/INC0010001 --was assigned_to= --as grace",
            "preview incident_commented --record incident/INC0010001 --set comments='It is back.'",
            "preview incident_escalated --event 7 --raw",
        ],
        "0 shown; 65 there is no such notification, it is not about such an event, or it cannot be rendered; 66 there is no \
         such record or event",
    ),
    behind(
        "replay",
        &[
            "replay --since -7d",
            "replay --event 7",
            "replay --with changed/postrider.toml --where 'name=incident.updated'",
        ],
        "0 nothing would be different; 1 something would; 64 and above: it could not be found out",
    ),
    behind("queue list", &["queue list"], ""),
    behind("queue digests", &["queue digests"], ""),
    behind(
        "queue requeue",
        &[
            "queue requeue 12 13",
            "queue requeue --where 'code=550^recipientENDSWITH@example.org'",
        ],
        "65 some do not exist, or are delivered or being sent",
    ),
    behind(
        "queue cancel",
        &["queue cancel 12"],
        "65 some do not exist, or wait no more",
    ),
    behind("preference list", &["preference list --user ada"], ""),
    behind(
        "preference set",
        &["preference set ada incident_commented off"],
        "65 there is no such user or notification, or it cannot be switched off",
    ),
    behind("subscription list", &["subscription list"], ""),
    behind(
        "subscription add",
        &["subscription add ada incident_commented --condition 'priority<=2'"],
        "65 there is no such user or notification, or the condition is wrong",
    ),
    behind(
        "subscription remove",
        &["subscription remove ada incident_commented"],
        "66 there is no such subscription",
    ),
    behind("suppression list", &["suppression list --json"], ""),
    behind(
        "suppression add",
        &["suppression add bob@example.org --remark 'asked by phone'"],
        "",
    ),
    behind(
        "suppression remove",
        &["suppression remove bob@example.org"],
        "66 it is not suppressed",
    ),
    behind("trim", &["trim 90"], ""),
    behind(
        "probe",
        &[
            "probe smtp://mx.example.org",
            "probe pop3s://mail.example.org --json",
        ],
        "0 it answered; 69 or 75 it cannot be reached; 76 it does not speak the protocol",
    ),
    behind(
        "send",
        &[
            "send --server smtp://localhost --from a@example.org --to b@example.org --subject Hi --body Hello",
            "send -t -i < mail.eml",
        ],
        "0 every recipient was accepted; 67 one was refused; 69 the server will not; 75 it may work later, or nobody knows; \
         77 log-in was refused",
    ),
    behind(
        "inspect",
        &[
            "inspect mail.eml",
            "inspect --extract parts mail.eml",
            "inspect --json *.eml",
        ],
        "66 a file cannot be read; 73 a part is there already",
    ),
    behind(
        "fetch",
        &[
            "fetch pop3s://ada@mail.example.org --maildir ~/Mail",
            "fetch pop3s://ada@mail.example.org --mbox inbox --delete-after 30d --patience 10m",
        ],
        "75 it may work later; 77 log-in was refused",
    ),
    behind(
        "mailbox",
        &["mailbox pop3s://ada@mail.example.org --last 10"],
        "77 log-in was refused",
    ),
    behind(
        "completions",
        &[
            "completions bash > /usr/share/bash-completion/completions/postrider",
            "completions zsh > ~/.zfunc/_postrider",
            "completions fish > ~/.config/fish/completions/postrider.fish",
        ],
        "",
    ),
    behind("man", &["man > /usr/local/share/man/man1/postrider.1"], ""),
];

/// The command line with its help.
pub(crate) fn command() -> Command {
    let command = Cli::command().after_help(ALL);
    command.mut_subcommands(|command| dressed(command, ""))
}

/// A command and those below it.
fn dressed(command: Command, above: &str) -> Command {
    let name = format!("{above}{}", command.get_name());
    // An empty default says nothing.
    let command = command.mut_args(|argument| {
        let values = argument.get_default_values();
        let empty = !values.is_empty() && values.iter().all(|value| value.is_empty());
        match empty {
            true => argument.hide_default_value(true),
            false => argument,
        }
    });
    let found = BEHIND.iter().find(|behind| behind.command == name);
    let command = match found {
        Some(behind) => {
            let own = command.get_after_help().map(|own| format!("{own}\n\n"));
            let text = format!("{}{}", own.unwrap_or_default(), behind.text());
            command.after_help(text)
        }
        None => command,
    };
    let above = format!("{name} ");
    command.mut_subcommands(|command| dressed(command, &above))
}

impl Behind {
    fn text(&self) -> String {
        let head = match self.examples {
            [_] => "Example:",
            _ => "Examples:",
        };
        let examples = self
            .examples
            .iter()
            .map(|example| format!("  postrider {example}"));
        let mut lines = vec![head.to_owned()];
        lines.extend(examples);
        if !self.codes.is_empty() {
            lines.push(format!("\nExit codes: {}.", self.codes));
        }
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands that have none below them, and `log`, which does something by itself.
    fn leaves(command: &Command, above: &str) -> Vec<String> {
        let below = command.get_subcommands();
        let below = below.flat_map(|command| {
            let name = format!("{above}{}", command.get_name());
            let more = leaves(command, &format!("{name} "));
            let own = more.is_empty() || name == "log";
            more.into_iter().chain(own.then_some(name))
        });
        below.collect()
    }

    #[test]
    fn every_command_has_examples_and_no_other() {
        let mut commands = leaves(&Cli::command(), "");
        let mut known: Vec<String> = BEHIND.iter().map(|b| b.command.to_owned()).collect();
        commands.sort();
        known.sort();
        assert_eq!(commands, known);
    }

    #[test]
    fn every_example_is_a_command_line_that_is_understood() {
        for example in BEHIND.iter().flat_map(|behind| behind.examples) {
            let words = words(example);
            let read = command().try_get_matches_from(&words);
            assert!(read.is_ok(), "{words:?}: {}", read.unwrap_err());
        }
    }

    /// The words as a shell would give them, up to a redirection.
    fn words(line: &str) -> Vec<String> {
        let mut words = vec!["postrider".to_owned(), String::new()];
        let mut quoted = false;
        for c in line.chars() {
            match c {
                '\'' => quoted = !quoted,
                '<' | '>' | '|' if !quoted => break,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words.retain(|word| !word.is_empty());
        words
    }
}
