//! Where a source that keeps its messages begins, when nothing says where it left off.
//! Owns how a position is written in settings; what it means is each broker's.

use std::fmt;

/// Where a new source of a provider begins to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// With what is published from now on.
    #[default]
    Latest,
    /// With the oldest message that the broker still has.
    Earliest,
    /// With this JetStream sequence, this offset of each Kafka partition, or the first entry of a Redis Stream with
    /// this id or a later one (`entry_id`).
    At(u128),
}

impl Start {
    /// Reads `latest`, `earliest`, a number, or a Redis entry id such as `1526919030474-55`.
    pub fn parse(text: &str) -> Option<Start> {
        match text {
            "latest" => Some(Start::Latest),
            "earliest" => Some(Start::Earliest),
            _ if text.contains('-') => entry_id(text).map(Start::At),
            _ => text.parse::<u64>().ok().map(|at| Start::At(at.into())),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Start::Latest => f.write_str("latest"),
            Start::Earliest => f.write_str("earliest"),
            Start::At(at) if *at > u128::from(u64::MAX) => {
                write!(f, "{}-{}", at >> 64, at & u128::from(u64::MAX))
            }
            Start::At(at) => write!(f, "{at}"),
        }
    }
}

/// A Redis entry id as one number that keeps its order: milliseconds above 64 bits of sequence.
pub(crate) fn entry_id(text: &str) -> Option<u128> {
    let (milliseconds, sequence) = text.split_once('-')?;
    let (milliseconds, sequence): (u64, u64) = (milliseconds.parse().ok()?, sequence.parse().ok()?);
    Some(u128::from(milliseconds) << 64 | u128::from(sequence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_as_they_are_written() {
        let table = [
            ("latest", Some(Start::Latest)),
            ("earliest", Some(Start::Earliest)),
            ("0", Some(Start::At(0))),
            ("17", Some(Start::At(17))),
            ("2-3", Some(Start::At((2 << 64) + 3))),
            ("", None),
            ("newest", None),
            ("-1", None),
            ("1-2-3", None),
            ("18446744073709551616", None),
        ];
        for (text, expected) in table {
            assert_eq!(Start::parse(text), expected, "{text}");
            assert_eq!(expected.map(|start| start.to_string()), expected.map(|_| text.to_owned()));
        }
    }
}
