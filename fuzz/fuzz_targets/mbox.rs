#![no_main]
//! The input is an mbox (RFC 4155): entries lie inside, and messages that are written into one come back.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::mbox(input));
