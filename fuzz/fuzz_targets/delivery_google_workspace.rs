//! libFuzzer's entry; what is done with the bytes stands in `fuzz::delivery_google_workspace`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::delivery_google_workspace(bytes));
