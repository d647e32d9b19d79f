#![no_main]
//! The input is a mail (RFC 5322, RFC 2045): any octets are one, and everything that is read lies inside.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::mime_parse(input));
