//! The leaf values of `tidegate.yaml` that YAML has no type for: periods, sizes, secrets, one-or-many lists.
//! Owns how they are written and read; never reads a file.

mod period;

pub use period::Period;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::borrow::Cow;
use std::fmt;

/// A number of bytes as `65536`, `64KiB`, `2MiB` or `1GiB` (or with `KB`, `MB`, `GB` for powers of ten).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Size(pub usize);

impl Size {
    /// Reads a number with or without a unit; the error says which units there are.
    pub fn parse(text: &str) -> Result<Size, String> {
        let wrong = || format!("`{text}` is no size; write bytes as `65536`, `64KiB`, `2MiB` or `1GiB`");
        let (number, unit) = split_unit(text).ok_or_else(wrong)?;
        let bytes: u64 = match unit {
            "" | "B" => 1,
            "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(wrong()),
        };
        let total = number.checked_mul(bytes).and_then(|total| usize::try_from(total).ok());
        match total {
            Some(0) => Err("0 bytes let nothing through".into()),
            total => total.map(Size).ok_or_else(wrong),
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes if bytes > 0 && bytes % (1 << 20) == 0 => write!(f, "{}MiB", bytes >> 20),
            bytes if bytes > 0 && bytes % (1 << 10) == 0 => write!(f, "{}KiB", bytes >> 10),
            bytes => write!(f, "{bytes}"),
        }
    }
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    Some((digits.parse().ok()?, unit.trim()))
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Bytes(usize),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Bytes(bytes) => Ok(Size(bytes)),
            Written::Text(text) => Size::parse(&text).map_err(D::Error::custom),
        }
    }
}

/// A text that is never shown: not in logs, not in errors, not in a printed configuration.
#[derive(Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Secret {
        Secret(text.into())
    }

    /// The text itself, for whoever must present it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("…")
    }
}

/// Where a source begins: `latest`, `earliest`, or a position in the broker's own form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StartPosition(pub upstream::Start);

impl StartPosition {
    /// Reads a position; the error says what there is.
    pub fn parse(text: &str) -> Result<StartPosition, String> {
        let wrong = "write `latest`, `earliest`, a sequence or offset, or a Redis Stream entry id";
        upstream::Start::parse(text.trim())
            .map(StartPosition)
            .ok_or_else(|| format!("`{text}` is no position; {wrong}"))
    }
}

impl Serialize for StartPosition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for StartPosition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(at) => Ok(StartPosition(upstream::Start::At(at.into()))),
            Written::Text(text) => StartPosition::parse(&text).map_err(D::Error::custom),
        }
    }
}

/// One text, or a list of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Texts(pub Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            One(String),
            Many(Vec<String>),
        }
        Ok(match Written::deserialize(deserializer)? {
            Written::One(text) => Texts(vec![text]),
            Written::Many(texts) => Texts(texts),
        })
    }
}

/// Addresses: one text names several with commas between them, as an environment variable must.
pub(super) fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Texts, D::Error> {
    let mut addresses: Vec<String> = Vec::new();
    for text in Texts::deserialize(deserializer)?.0 {
        for part in text.split(',') {
            match addresses.last_mut() {
                // A comma amid a URL is its password's.
                Some(url) if url.contains("://") && !part.contains("://") => {
                    url.push(',');
                    url.push_str(part);
                }
                _ => addresses.push(part.trim().to_owned()),
            }
        }
    }
    addresses.retain(|address| !address.is_empty());
    Ok(Texts(addresses))
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "format": "size", "minimum": 1,
                       "pattern": "^[0-9]+ ?(B|KB|MB|GB|KiB|MiB|GiB)?$" })
    }
}

impl JsonSchema for StartPosition {
    fn schema_name() -> Cow<'static, str> {
        "StartPosition".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"], "format": "position", "minimum": 0,
                       "pattern": "^(latest|earliest|[0-9]+(-[0-9]+)?)$" })
    }
}

impl JsonSchema for Texts {
    fn schema_name() -> Cow<'static, str> {
        "Texts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [
            { "type": "string" },
            { "type": "array", "items": { "type": "string" } }
        ] })
    }
}
