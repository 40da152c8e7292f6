//! Lengths of time as Go writes them: `250ms`, `1.5s`, `1h30m`.
//! Owns how they are written and read.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// A length of time as `250ms`, `1.5s`, `2m` or `1h30m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Period(pub Duration);

impl Period {
    pub const fn seconds(seconds: u64) -> Period {
        Period(Duration::from_secs(seconds))
    }

    /// Reads one or more numbers, each with its unit; the error says which units there are.
    pub fn parse(text: &str) -> Result<Period, String> {
        let wrong = || format!("`{text}` is no length of time; write it as `250ms`, `5s`, `2m` or `1h`");
        let (mut total, mut rest) = (0_i64, text.trim());
        loop {
            let (nanoseconds, after) = term(rest).ok_or_else(wrong)?;
            // Go counts in the same 63 bits of nanoseconds: 292 years.
            total = total.checked_add(nanoseconds).ok_or_else(wrong)?;
            rest = after;
            if rest.is_empty() {
                return Ok(Period(Duration::from_nanos(total.unsigned_abs())));
            }
        }
    }
}

/// One number and its unit, in nanoseconds, and what follows.
fn term(text: &str) -> Option<(i64, &str)> {
    let (whole, after) = digits(text);
    let (fraction, after) = after.strip_prefix('.').map_or(("", after), digits);
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let after = after.trim_start();
    let (unit, after) =
        after.split_at(after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len()));
    let scale: u128 = match unit {
        "ns" => 1,
        // Both signs for micro that keyboards have.
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let number = |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<u64>().ok() };
    // What is beyond the 15th place is less than a nanosecond, even of an hour.
    let fraction = &fraction[..fraction.len().min(15)];
    let part = u128::from(number(fraction)?) * scale / 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let nanoseconds = (u128::from(number(whole)?) * scale).checked_add(part)?;
    Some((i64::try_from(nanoseconds).ok()?, after))
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_nanos() {
            whole if whole % 1_000_000_000 == 0 => write!(f, "{}s", whole / 1_000_000_000),
            odd if odd % 1_000_000 == 0 => write!(f, "{}ms", odd / 1_000_000),
            odd if odd % 1_000 == 0 => write!(f, "{}us", odd / 1_000),
            odd => write!(f, "{odd}ns"),
        }
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Period::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl JsonSchema for Period {
    fn schema_name() -> Cow<'static, str> {
        "Period".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let pattern = "^(([0-9]+([.][0-9]*)?|[.][0-9]+) ?(ns|us|µs|μs|ms|s|m|h))+$";
        json_schema!({ "type": "string", "format": "period", "pattern": pattern })
    }
}

#[cfg(test)]
mod tests;
