#![no_main]
//! The input is a mail to the desk: it ends in one state, with a reason, and is kept as it came.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::inbound(input));
