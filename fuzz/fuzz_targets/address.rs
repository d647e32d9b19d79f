#![no_main]
//! The input is an address (RFC 5322 §3.4, RFC 5321 §4.1.2): one that exists can be written, and adds nothing.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::address(input));
