//! `postrider trim DAYS`: forget what is old and done with.

use crate::exit::Result;
use crate::{output, setup};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;

/// Forget settled events with their mails, and inbound mail, that are older; records stay.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What is younger than so many days stays
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    days: u16,
}

pub(crate) fn run(config: Option<&Path>, args: &Args) -> Result {
    let setup = setup::open(config)?;
    let age = SignedDuration::from_hours(i64::from(args.days) * 24);
    let before = Timestamp::now().checked_sub(age).unwrap_or(Timestamp::MIN);
    let trimmed = setup.store.trim(before)?;
    output::line(format!(
        "{} events and {} inbound mails forgotten",
        trimmed.events, trimmed.inbound
    ));
    Ok(())
}
