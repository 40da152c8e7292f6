//! Parameters of event streams, and the events they are sent.
//! Owns nothing: what must hold is said in `downstream::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| downstream::fuzzing::sse(data));
