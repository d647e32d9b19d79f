//! The `postrider` command: records change, notifications go out, replies come in, the log explains.

#![forbid(unsafe_code)]

mod cli;
mod commands;
mod exit;
mod help;
mod login;
mod output;
mod private;
mod setup;
mod url;

use clap::FromArgMatches;
use cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    let given = help::command().try_get_matches_from(cli::arguments(std::env::args_os()));
    match given.and_then(|given| Cli::from_arg_matches(&given)) {
        Ok(cli) => exit::ended(commands::run(cli).and_then(|()| output::written())),
        Err(error) => exit::usage(&error),
    }
}
