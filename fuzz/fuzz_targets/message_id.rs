#![no_main]
//! The input is what stands in References (RFC 5322 §3.6.4): identifiers come back from every field.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::message_id(input));
