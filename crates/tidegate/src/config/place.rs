//! Where a setting was written: in the file, in the environment, or nowhere.
//! Owns only that; how it is shown is the problem's.

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Byte offset and length, and the 1-based line and column.
    File {
        offset: usize,
        length: usize,
        line: usize,
        column: usize,
    },
    /// The name of an environment variable.
    Environment(String),
    Nowhere,
}
