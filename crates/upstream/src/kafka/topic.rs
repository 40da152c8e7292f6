//! What a topic may be called, and what a rendered value may hold.
//! Owns the rule; whether a topic exists is the cluster's to say.

use engine::port::BrokerError;
use graph::template::SubjectRule;

/// Kafka's own bound on a topic's name.
const NAME_BYTES_MAX: usize = 249;

/// Dots have no meaning to Kafka, but people build names with them: a value with a dot in `orders.{{ args.tenant }}.x`
/// would name another tenant's topic. `__` begins the cluster's own topics (`__consumer_offsets`).
pub(super) const RULE: SubjectRule = SubjectRule {
    noun: "topic",
    forbidden: &['.', '/', '\\', ',', ':', '*'],
    reserved: &["__"],
    words_only: true,
    subject_bytes_max: NAME_BYTES_MAX,
};

/// Refuses what no cluster has as a topic.
pub(super) fn check(topic: &str) -> Result<(), BrokerError> {
    let refuse = |why: &str| Err(BrokerError::Refused(format!("the topic `{topic}` {why}")));
    if topic.is_empty() || topic.len() > NAME_BYTES_MAX {
        return refuse(&format!("is not 1 to {NAME_BYTES_MAX} bytes long"));
    }
    if topic == "." || topic == ".." {
        return refuse("is a name that Kafka does not allow");
    }
    if !topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte)) {
        return refuse("holds something else than letters, digits, `.`, `_` and `-`");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
