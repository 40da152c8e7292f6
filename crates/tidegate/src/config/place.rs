//! Where a setting was written: in the file, in the environment, or nowhere.
//! Owns only that, and how a setting is named; how it is shown is the problem's.

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

/// The name of a setting by the keys that lead to it: `events.providers.kafka[0].brokers`.
pub(super) fn name(path: &[&str]) -> String {
    let mut name = String::new();
    for step in path {
        match step.parse::<usize>() {
            Ok(index) => name.push_str(&format!("[{index}]")),
            Err(_) if name.is_empty() => name.push_str(step),
            Err(_) => name.extend([".", step]),
        }
    }
    name
}
