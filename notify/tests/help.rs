//! Every command says what it does, in one voice; completions and the manual page know all of them.

#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/desk.rs"]
mod desk;

use desk::*;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

fn help(words: &[&str]) -> String {
    let dir = tempfile::tempdir().unwrap();
    run(dir.path(), &[words, &["--help"]].concat()).good()
}

/// The commands below a command, by its help.
fn below(words: &[String]) -> Vec<Vec<String>> {
    let strs: Vec<&str> = words.iter().map(String::as_str).collect();
    let text = help(&strs);
    let Some((_, list)) = text.split_once("\nCommands:\n") else {
        return vec![words.to_vec()];
    };
    let names = list.lines().take_while(|line| !line.is_empty());
    let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let mut all = vec![words.to_vec()];
    for name in names.filter_map(|line| line.split_whitespace().next()) {
        all.extend(below(&[words, &[name.to_owned()]].concat()));
    }
    all
}

#[test]
fn every_command_says_what_it_does_and_every_option_what_it_is_for() {
    let all = below(&[]);
    assert!(all.len() > 45, "{}", all.len());
    for words in &all {
        let strs: Vec<&str> = words.iter().map(String::as_str).collect();
        let text = help(&strs);
        let first = text.lines().next().unwrap();
        assert!(
            !first.is_empty() && !first.starts_with("Usage"),
            "{words:?}: {text}"
        );
        assert!(
            first.chars().next().unwrap().is_uppercase(),
            "{words:?}: {first}"
        );
        for option in text
            .lines()
            .filter(|line| line.trim_start().starts_with("--"))
        {
            let (_, rest) = option.split_once("--").unwrap();
            let said = rest
                .split_once("  ")
                .is_some_and(|(_, said)| !said.trim().is_empty());
            let below = text.lines().skip_while(|line| line != &option).nth(1);
            let said = said || below.is_some_and(|line| line.starts_with("          "));
            assert!(said, "{words:?}: {option} is not explained");
        }
    }
}

#[test]
fn a_command_for_lists_speaks_json_and_conditions_everywhere_by_the_same_name() {
    for words in [
        &["log"][..],
        &["inbound", "list"],
        &["queue", "list"],
        &["record", "list"],
        &["preference", "list"],
        &["subscription", "list"],
        &["suppression", "list"],
        &["explain"],
        &["preview"],
        &["replay"],
        &["health"],
        &["check"],
        &["mailbox"],
        &["inspect"],
    ] {
        assert!(help(words).contains("--json"), "{words:?}");
    }
    for words in [
        &["log"][..],
        &["inbound", "list"],
        &["inbound", "reprocess"],
        &["queue", "requeue"],
        &["replay"],
    ] {
        assert!(help(words).contains("--where <CONDITION>"), "{words:?}");
    }
    assert!(
        help(&[]).contains("suppression  "),
        "its short name is shown beside it"
    );
    assert_eq!(help(&["suppress"]), help(&["suppression"]));
}

/// What a program says about a text on its standard input; `None` where there is no such program.
fn judged(program: &str, args: &[&str], text: &str) -> Option<Ran> {
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().ok()?;
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    Some(Ran::of(child.wait_with_output().unwrap()))
}

#[test]
fn completions_are_read_by_their_shells() {
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let script = run(Path::new("."), &["completions", shell]).good();
        for word in ["preview", "replay", "requeue", "--dry-run"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
        if let Some(ran) = judged(shell, &[check], &script) {
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        }
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let script = run(Path::new("."), &["completions", "bash"]).good();
    let ask = |words: &str| {
        let all: Vec<&str> = words.split(' ').collect();
        let (current, count) = (all.last().unwrap(), all.len() - 1);
        let asked = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD={count}; _postrider postrider '{current}' ''; printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        judged("bash", &["-s"], &asked).map(|ran| ran.out)
    };
    let Some(out) = ask("postrider prev") else {
        return;
    };
    assert_eq!(out, "preview\n");
    assert_eq!(ask("postrider record create --dr").unwrap(), "--dry-run\n");
}

#[test]
fn the_manual_page_has_every_command_and_is_read_without_a_warning() {
    let page = run(Path::new("."), &["man"]).good();
    assert!(page.contains(".TH postrider 1"), "{page}");
    for words in below(&[]).iter().filter(|words| !words.is_empty()) {
        let head = format!(".SH \"POSTRIDER {}\"", words.join(" ").to_uppercase());
        assert!(page.contains(&head), "{head}");
    }
    if let Some(ran) = judged("groff", &["-man", "-Tutf8", "-ww", "-z"], &page) {
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "groff");
    }
    if let Some(ran) = judged("mandoc", &["-Tlint", "-Werror"], &page) {
        assert_eq!(ran.code, 0, "{}", ran.out);
    }
}
