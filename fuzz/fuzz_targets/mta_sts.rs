#![no_main]
//! The input is a TXT record, a host and a policy (RFC 8461): what reads, reads so line by line.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::mta_sts(input));
