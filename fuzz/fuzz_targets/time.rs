//! libFuzzer's entry; what is done with the bytes stands in `fuzz::time`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::time(bytes));
