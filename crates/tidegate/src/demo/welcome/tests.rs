//! What is shown can be pasted: no colour where it was not asked for, and every token is where it is used.

use super::*;

fn shown(colour: bool) -> String {
    let router = "127.0.0.1:4000".parse().unwrap();
    text(router, Some("127.0.0.1:8088".parse().unwrap()), true, colour)
}

#[test]
fn colour_only_where_it_is_asked_for() {
    assert!(!shown(false).contains('\x1b'));
    assert!(shown(true).contains("\x1b[1m"));
}

#[test]
fn three_commands_use_only_tokens_that_are_exported() {
    let text = shown(false);
    let commands: Vec<&str> = text.lines().filter(|line| line.starts_with("curl ")).collect();
    assert_eq!(commands.len(), 3);
    for command in commands {
        assert_eq!(command.matches('\'').count() % 2, 0, "{command}");
        for name in command.split("Bearer $").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(text.contains(&format!("\nexport {name}=")), "{name}");
        }
    }
}

#[test]
fn tokens_are_the_same_at_every_start_and_verify() {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[token::ISSUER]);
    let key = DecodingKey::from_secret(token::SECRET.as_bytes());
    for (text, sub, role) in [
        (token::alice(), "alice", "customer"),
        (token::bob(), "bob", "customer"),
        (token::admin(), "admin", "admin"),
    ] {
        let claims = decode::<Value>(&text, &key, &validation).unwrap().claims;
        assert_eq!((&claims["sub"], &claims["role"]), (&json!(sub), &json!(role)));
    }
    assert_eq!(token::alice(), token::alice());
}

#[test]
fn tabs_carry_headers_and_variables_as_json_text() {
    for tab in tabs() {
        for text in tab.headers.iter().chain(&tab.variables) {
            assert!(serde_json::from_str::<Value>(text).unwrap().is_object(), "{text}");
        }
    }
}
