#![no_main]
//! The input plays a server that asks for a login (RFC 4422): it learns nothing that the mechanism does not say.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::sasl(input));
