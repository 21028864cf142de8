//! No bytes make the reader of messages panic, or take what is not there.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| star_collector::domain::wire::fuzzing::read(bytes));
