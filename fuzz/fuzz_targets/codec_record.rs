//! libFuzzer's entry; what is done with the bytes stands in `fuzz::codec_record`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz::codec_record(bytes));
