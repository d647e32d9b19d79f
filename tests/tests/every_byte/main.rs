//! The drivers, with a connection that fails at each byte of a dialogue in turn, in each way that connections fail.
//!
//! Whatever happens, the call returns within its deadlines, and says of a mail only what is true: accepted if the server has
//! it whole and said so, complete if every octet is there.
#![cfg(feature = "drivers")]

mod dialogues;
mod faulty;
mod pop3;
mod smtp;

use faulty::Fault;

/// Faults that only cut differently what passes: nothing may come of them.
const HARMLESS: &[Fault] = &[Fault::SplitRead, Fault::ShortWrite];
/// Faults that end the dialogue.
const FATAL: &[Fault] = &[
    Fault::Close,
    Fault::Reset,
    Fault::StallRead,
    Fault::FailWrite,
    Fault::StallWrite,
];
