//! What a client accepts, and the multipart bodies it is sent.
//! Owns nothing: what must hold is said in `downstream::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| downstream::fuzzing::multipart(data));
