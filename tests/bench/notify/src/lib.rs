//! The same notification by everybody: one record, six variables, a loop, HTML and text, one mail, one SMTP connection.
#![forbid(unsafe_code)]

pub mod alertmanager;
pub mod desk;
pub mod incoming;
pub mod million;
pub mod ours;
pub mod programs;
pub mod steps;

/// What went wrong, in words.
pub fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
