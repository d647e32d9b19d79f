#![no_main]
//! The input is chance: mails come, go and are renamed, connection and disk break; no mail is lost or stored twice (RFC 1939).

use libfuzzer_sys::fuzz_target;
use postrider_tests::properties;

fuzz_target!(|input: &[u8]| properties::pop3_sync(input));
