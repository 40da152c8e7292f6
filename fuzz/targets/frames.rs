//! WebSocket frames of a client.
//! Owns nothing: what must hold is said in `downstream::fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| downstream::fuzzing::frames(data));
