//! `@authenticated`, `@requiresScopes`, `@policy` against a caller. Missing authority is refusal (invariant 9).
//! Owns the decision; what an operation requires was collected by `graph`.

use crate::identity::Identity;
use graph::error::{Code, GraphqlError};
use graph::operation::{Operation, Requirement, Rule};
use serde_json::Value;
use std::collections::HashSet;

/// All refusals at once, one for each guarded coordinate.
pub(crate) fn authorize(operation: &Operation, identity: &Identity) -> Result<(), Vec<GraphqlError>> {
    tracing::trace!(target: "way", step = "authorize");
    let scopes = scopes(&identity.claims);
    let refusals: Vec<_> = operation
        .requirements
        .iter()
        .filter_map(|requirement| refusal(requirement, identity, &scopes))
        .collect();
    if refusals.is_empty() { Ok(()) } else { Err(refusals) }
}

fn refusal(requirement: &Requirement, identity: &Identity, scopes: &HashSet<&str>) -> Option<GraphqlError> {
    let coordinate = &requirement.coordinate;
    if !identity.is_authenticated() {
        let message = format!("`{coordinate}` needs an authenticated caller");
        return Some(GraphqlError::new(Code::Unauthenticated, message));
    }
    let granted = match &requirement.rule {
        Rule::Authenticated => true,
        Rule::Scopes(any) => any.iter().any(|all| all.iter().all(|scope| scopes.contains(scope.as_str()))),
        // No policy engine is plugged in, so nothing can grant it.
        Rule::Policy(_) => false,
    };
    (!granted).then(|| GraphqlError::new(Code::Forbidden, format!("the caller may not read `{coordinate}`")))
}

/// `scope` as RFC 8693 writes it (one text, spaces between) or as a list; `scopes` and `scp` as issuers write them.
fn scopes(claims: &Value) -> HashSet<&str> {
    let named = ["scope", "scopes", "scp"].into_iter().filter_map(|name| claims.get(name));
    let mut scopes = HashSet::new();
    for value in named {
        match value {
            Value::String(text) => scopes.extend(text.split_whitespace()),
            Value::Array(items) => scopes.extend(items.iter().filter_map(Value::as_str)),
            _ => {}
        }
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn missing_authority_is_refusal() {
        let any_of = vec![vec!["read".to_owned(), "orders".to_owned()], vec!["admin".to_owned()]];
        let scoped = || Rule::Scopes(any_of.clone());
        let table = [
            (Rule::Authenticated, json!(null), Some(Code::Unauthenticated)),
            (Rule::Authenticated, json!({}), None),
            (scoped(), json!(null), Some(Code::Unauthenticated)),
            (scoped(), json!({"scope": "read"}), Some(Code::Forbidden)),
            (scoped(), json!({"scope": "orders read"}), None),
            (scoped(), json!({"scopes": ["admin"]}), None),
            (scoped(), json!({"scp": ["read", 7]}), Some(Code::Forbidden)),
            (Rule::Policy(any_of.clone()), json!({"scope": "admin"}), Some(Code::Forbidden)),
        ];
        for (rule, claims, expected) in table {
            let case = format!("{rule:?} {claims}");
            let requirement = Requirement { coordinate: "Order.total".into(), rule };
            let identity = Identity { claims: Arc::new(claims), ..Identity::default() };
            let refused = refusal(&requirement, &identity, &scopes(&identity.claims));
            assert_eq!(refused.map(|error| error.code), expected, "{case}");
        }
    }
}
