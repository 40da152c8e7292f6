//! Redis' glob patterns: `*`, `?`, `[a-z]`, `[^a]` and `\` before a character that is meant as it stands.
//! Owns matching, byte by byte as the server does it; never decides what may be subscribed to.

/// Whether a pattern covers a channel.
pub(super) fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // The last `*` seen and what it has taken so far: where the rest fails, it takes one byte more. Only the last one
    // needs to be remembered, so no pattern costs more than its length times the text's.
    let (mut at, mut done) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while done < text.len() {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, done));
            at += 1;
            continue;
        }
        match one(&pattern[at..], text[done]) {
            Some(length) => (at, done) = (at + length, done + 1),
            None => match star {
                None => return false,
                Some((after, taken)) => {
                    star = Some((after, taken + 1));
                    (at, done) = (after, taken + 1);
                }
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

/// The length of the pattern's first item if it covers this byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match *pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ref rest @ ..] => {
            let (covers, length) = set(rest, byte);
            covers.then_some(1 + length)
        }
        [b'\\', escaped, ..] => (escaped == byte).then_some(2),
        [literal, ..] => (literal == byte).then_some(1),
    }
}

/// Whether the set after `[` covers the byte, and the set's length with its `]`. One that is not closed ends with the
/// pattern.
fn set(set: &[u8], byte: u8) -> (bool, usize) {
    let is_negated = set.first() == Some(&b'^');
    let mut at = usize::from(is_negated);
    let mut covers = false;
    loop {
        match set[at..] {
            [] => break,
            [b'\\', escaped, ..] => {
                covers |= escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => {
                covers |= (from.min(to)..=from.max(to)).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                covers |= literal == byte;
                at += 1;
            }
        }
    }
    (covers != is_negated, at)
}

#[cfg(test)]
mod tests;
