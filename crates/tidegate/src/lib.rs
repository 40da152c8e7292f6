//! Tidegate as a library.

pub mod config;
