//! The `postrider` command: records change, notifications go out, replies come in, the log explains.

#![forbid(unsafe_code)]

mod cli;
mod commands;
mod exit;
mod login;
mod output;
mod setup;
mod url;

use clap::Parser;
use cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::try_parse_from(cli::arguments(std::env::args_os())) {
        Ok(cli) => match commands::run(cli) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.report(),
        },
        Err(error) => exit::usage(&error),
    }
}
