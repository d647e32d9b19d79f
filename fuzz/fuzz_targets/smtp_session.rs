#![no_main]
//! The input plays an SMTP server (RFC 5321): nothing is accepted that the server does not have, nothing secret is said too early.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::smtp_session(input));
