#![no_main]
//! The input plays a proxy (RFC 1928, RFC 9110 §9.3.6): the tunnel is open where a naive reading says so.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::proxy(input));
