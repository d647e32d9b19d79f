#![no_main]
//! The input is a message (RFC 5321 §4.5.2): it ends where it ends, and arrives as it was.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::smtp_body(input));
