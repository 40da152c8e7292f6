//! `redis://[user[:password]@]host[:port][/db][?options]` as users of go-redis write it.
//! Owns the reading of one URL; never prints one, since it may hold a password, and never connects.

use percent_encoding::percent_decode_str;
use std::fmt;

const PORT: u16 = 6379;

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Node {
    /// Reads `host:port` as a cluster's redirection names it: an empty host means the one that was asked, and an IPv6
    /// address comes without brackets.
    pub(super) fn redirected(text: &str, asked: &Node) -> Option<Node> {
        let (host, port) = text.rsplit_once(':')?;
        let host = if host.is_empty() || host == "?" { asked.host.as_str() } else { host };
        Some(Node { host: host.trim_matches(['[', ']']).to_owned(), port: port.parse().ok()? })
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// One URL, taken apart. No `Debug`: it may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Url {
    pub(super) node: Node,
    pub(super) is_tls: bool,
    pub(super) username: String,
    pub(super) password: Option<String>,
    pub(super) database: i64,
}

impl Url {
    /// Query options other than `db` tune the client they were written for (`dial_timeout`, `pool_size`, `protocol`),
    /// and mean nothing here. The text stays out of every message.
    pub(super) fn parse(text: &str) -> Result<Url, String> {
        let wrong =
            "`urls` holds what is no Redis address: write it as `redis://host:6379`, or `rediss://` for TLS";
        let url = redis::parse_redis_url(text).ok_or(wrong)?;
        let is_tls = match url.scheme() {
            "redis" | "valkey" => false,
            "rediss" | "valkeys" => true,
            scheme => return Err(format!("`urls` starts with `{scheme}:`: use `redis://` or `rediss://`")),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).unwrap_or("localhost");
        let host = host.trim_matches(['[', ']']).to_owned();
        let query = url.query_pairs().find(|(name, _)| name == "db").map(|(_, value)| value.into_owned());
        let path = url.path().trim_matches('/');
        let database = match query.as_deref().unwrap_or(path) {
            "" => 0,
            number => number
                .parse::<u32>()
                .map_err(|_| "`urls` names a database that is no number: write `redis://host:6379/0`")?
                .into(),
        };
        let username = decode(url.username())?;
        let password = url.password().map(decode).transpose()?;
        let node = Node { host, port: url.port().unwrap_or(PORT) };
        Ok(Url { node, is_tls, username, password, database })
    }
}

fn decode(text: &str) -> Result<String, String> {
    let text = percent_decode_str(text).decode_utf8();
    text.map(String::from).map_err(|_| "the credentials in `urls` are not UTF-8".into())
}

#[cfg(test)]
mod tests;
