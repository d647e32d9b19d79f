//! `postrider completions SHELL` and `postrider man`: what a package installs beside the program.

use crate::exit::{Code, Failure, Result};
use crate::help;
use crate::output;
use clap::Command;
use clap_complete::Shell;
use std::io::Write;

/// Print the completions of a shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Result {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut help::command(), "postrider", &mut script);
    output::octets(&script);
    Ok(())
}

/// Print the manual page, with a section for each command.
#[derive(Debug, clap::Args)]
pub(crate) struct Man;

pub(crate) fn man() -> Result {
    let mut command = help::command();
    command.build();
    let mut page = Vec::new();
    let written = page_of(&command, &mut page);
    written.map_err(|error| Failure::new(Code::Software, format!("the manual page: {error}")))?;
    output::octets(in_ascii(&String::from_utf8_lossy(&page)).as_bytes());
    Ok(())
}

/// With the names that roff has for other characters, so that no locale matters.
fn in_ascii(page: &str) -> String {
    let named = |c: char| match c.is_ascii() {
        true => c.to_string(),
        false => format!("\\[u{:04X}]", u32::from(c)),
    };
    page.chars().map(named).collect()
}

/// The page of the program, and behind it the options of each command.
fn page_of(command: &Command, out: &mut Vec<u8>) -> std::io::Result<()> {
    clap_mangen::Man::new(command.clone()).render(out)?;
    for command in leaves(command) {
        let name = command.get_display_name().unwrap_or_default();
        let name = name.replace('-', " ").to_uppercase();
        writeln!(out, ".SH \"{name}\"")?;
        let page = clap_mangen::Man::new(command.clone());
        let mut part = Vec::new();
        page.render_description_section(&mut part)?;
        page.render_synopsis_section(&mut part)?;
        page.render_options_section(&mut part)?;
        // Its headings are those of a page; here they stand one step lower.
        let text = String::from_utf8_lossy(&part).replace(".SH ", ".SS ");
        out.write_all(text.as_bytes())?;
        if let Some(after) = command.get_after_help() {
            writeln!(out, ".nf\n{}\n.fi", escaped(&after.to_string()))?;
        }
    }
    Ok(())
}

/// The commands that do something, those below others included.
fn leaves(command: &Command) -> Vec<&Command> {
    let mut found = Vec::new();
    for command in command.get_subcommands() {
        found.push(command);
        found.extend(leaves(command));
    }
    found
}

/// Text that roff prints as it is.
fn escaped(text: &str) -> String {
    let line = |line: &str| {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        match line.starts_with(['.', '\'']) {
            true => format!("\\&{line}"),
            false => line,
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
