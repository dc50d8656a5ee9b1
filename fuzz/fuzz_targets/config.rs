//! libFuzzer's entry; what is done with the bytes stands in `fuzz::config`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::config(bytes));
