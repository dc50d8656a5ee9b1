//! libFuzzer's entry; what is done with the bytes stands in `fuzz::delivery_product`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::delivery_product(bytes));
