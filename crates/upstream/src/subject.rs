//! NATS subject semantics: dot-separated tokens, `*` for one token, a last `>` for one or more.
//! Owns matching and the check of whole subjects; the check of rendered values is `graph::template`'s.

use engine::port::BrokerError;
use graph::template::SubjectRule;

/// What a value rendered into a subject may not hold. `nats-server` refuses a protocol line over 4,096 bytes
/// (its `max_control_line`), so the subject is held well below it. `$` begins the server's own subjects (`$SYS`,
/// `$JS`, `$KV`), `_INBOX` the addresses that replies go to.
pub(crate) const RULE: SubjectRule = SubjectRule {
    noun: "subject",
    forbidden: &['.', '*', '>'],
    reserved: &["$", "_INBOX"],
    words_only: false,
    subject_bytes_max: 1_024,
};

/// Whether a subject pattern covers a literal subject.
pub(crate) fn matches(pattern: &str, subject: &str) -> bool {
    let mut pattern = pattern.split('.').peekable();
    let mut subject = subject.split('.');
    loop {
        match (pattern.next(), subject.next()) {
            (Some(">"), Some(_)) if pattern.peek().is_none() => return true,
            (Some("*"), Some(_)) => {}
            (Some(expected), Some(token)) if expected == token => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

pub(crate) fn is_pattern(subject: &str) -> bool {
    subject.split('.').any(|token| token == "*" || token == ">")
}

/// Refuses what no server would take as a subscription subject.
pub(crate) fn check_pattern(subject: &str) -> Result<(), BrokerError> {
    let refuse = |why: &str| Err(BrokerError::Refused(format!("the subject `{subject}` {why}")));
    if subject.len() > RULE.subject_bytes_max {
        return refuse(&format!("is longer than {} bytes", RULE.subject_bytes_max));
    }
    if subject.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refuse("holds white space or a control character");
    }
    if subject.split('.').any(str::is_empty) {
        return refuse("has an empty token: dots separate tokens");
    }
    match subject.split('.').position(|token| token == ">") {
        Some(at) if at + 1 < subject.split('.').count() => refuse("has `>` before its last token"),
        _ => Ok(()),
    }
}

/// Refuses what cannot be published to: a bad subject, or one that names many.
pub(crate) fn check_literal(subject: &str) -> Result<(), BrokerError> {
    check_pattern(subject)?;
    if is_pattern(subject) {
        return Err(BrokerError::Refused(format!("cannot publish to the wildcard subject `{subject}`")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
