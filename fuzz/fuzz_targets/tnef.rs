#![no_main]
//! The input is a winmail.dat (MS-OXTNEF): what is read was there, and attachments come back.

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::tnef(input));
