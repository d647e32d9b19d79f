#![no_main]
//! The input is the value of a Content-Type field (RFC 2045 §5.1): what it says can be written, and reads back equal.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::content_type(input));
