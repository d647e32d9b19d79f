#![no_main]
//! The input is what an SMTP server answers (RFC 5321 §4.2): replies are found where they are, however they arrive.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::smtp_reply(input));
