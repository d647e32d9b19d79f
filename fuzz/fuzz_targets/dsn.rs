#![no_main]
//! The input is a delivery report (RFC 3464), and decides over one: its recipients come back, all and in order.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::dsn(input));
