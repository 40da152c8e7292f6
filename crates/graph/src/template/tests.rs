//! What templates accept, refuse and print, and that no value can widen a subject.

use super::{Part, Scope, SubjectRule, Template};
use crate::Object;
use proptest::prelude::*;
use serde_json::{Value, json};

const NATS: SubjectRule = SubjectRule {
    noun: "subject",
    forbidden: &['.', '*', '>'],
    reserved: &["$", "_INBOX"],
    words_only: false,
    subject_bytes_max: 256,
};

fn object(value: Value) -> Object {
    value.as_object().cloned().unwrap_or_default()
}

fn render(template: &str, arguments: Value) -> Result<String, String> {
    let template = Template::parse(template).map_err(|error| error.0)?;
    let claims = json!({ "sub": "u1", "org": { "id": 7 }, "cognito:groups": "g" });
    let arguments = object(arguments);
    template.render(Scope { arguments: &arguments, claims: &claims }, &NATS).map_err(|error| error.0)
}

fn values(template: &str, arguments: Value) -> Result<Vec<Value>, String> {
    let template = Template::parse(template).map_err(|error| error.0)?;
    let arguments = object(arguments);
    let scope = Scope { arguments: &arguments, claims: &Value::Null };
    template.render_values(scope).map_err(|error| error.0)
}

#[test]
fn subjects_are_filled_in() {
    let cases = [
        ("plain.>", json!({}), "plain.>"),
        ("e.{{ args.id }}", json!({ "id": 1 }), "e.1"),
        ("e.{{args.id}}.x", json!({ "id": "a-b" }), "e.a-b.x"),
        ("{{ args.in.a }}.{{ args.in.b }}", json!({ "in": { "a": true, "b": -3 } }), "true.-3"),
        ("u.{{ claims.sub }}.{{ claims.org.id }}", json!({}), "u.u1.7"),
        ("g.{{ claims.cognito:groups }}", json!({}), "g.g"),
    ];
    for (template, arguments, subject) in cases {
        assert_eq!(render(template, arguments).as_deref(), Ok(subject), "{template}");
    }
}

#[test]
fn refusals_name_the_argument_and_never_echo_the_value() {
    let cases = [
        (json!({}), "argument `id` is missing"),
        (json!({ "id": null }), "argument `id` is null and must have a value here"),
        (json!({ "id": ["1"] }), "argument `id` is a list and must be a single value here"),
        (json!({ "id": { "x": 1 } }), "argument `id` is an object and must be a single value here"),
        (json!({ "id": "" }), "argument `id` may not be empty: it would change the subject"),
        (json!({ "id": "secret.x" }), "argument `id` may not contain `.` here: it would change the subject"),
        (json!({ "id": ">" }), "argument `id` may not contain `>` here: it would change the subject"),
        (json!({ "id": 1.5 }), "argument `id` may not contain `.` here: it would change the subject"),
        (json!({ "id": "a\r\nPUB x" }), "argument `id` may not contain control characters here"),
        (json!({ "id": "a\u{2003}b" }), "argument `id` may not contain white space here"),
        (json!({ "id": "1\",\"secret" }), "argument `id` may not contain quotes here"),
        (json!({ "id": "x".repeat(300) }), "argument `id` makes the subject longer than 256 bytes"),
    ];
    for (arguments, message) in cases {
        let refusal = render("e.{{ args.id }}", arguments.clone()).expect_err("refused");
        assert!(refusal.starts_with(message), "{arguments}: {refusal}");
        assert!(!refusal.contains("secret"), "{refusal}");
    }
    assert_eq!(render("{{ claims.tenant }}", json!({})), Err("claim `tenant` is missing".into()));
}

#[test]
fn no_value_reaches_the_brokers_own_subjects() {
    let cases = [
        ("{{ args.a }}.x", "$JS", Err("argument `a` may not make the subject begin with `$`")),
        ("{{ args.a }}.x", "$SYS", Err("argument `a` may not make the subject begin with `$`")),
        ("{{ args.a }}.x", "_INBOX", Err("argument `a` may not make the subject begin with `_INBOX`")),
        ("_{{ args.a }}.x", "INBOX", Err("argument `a` may not make the subject begin with `_INBOX`")),
        ("{{ args.a }}.x", "a$JS", Ok("a$JS.x")),
        ("e.{{ args.a }}", "$JS", Ok("e.$JS")),
        // The author's own text may.
        ("$KV.{{ args.a }}", "bucket", Ok("$KV.bucket")),
        ("_INBOX.{{ args.a }}", "x", Ok("_INBOX.x")),
        // What only looks like a separator or a space is an ordinary letter to the broker.
        ("e.{{ args.a }}", "a\u{ff0e}b", Ok("e.a\u{ff0e}b")),
        ("e.{{ args.a }}", "a\u{200b}b", Ok("e.a\u{200b}b")),
        ("e.{{ args.a }}", "a\u{3000}b", Err("argument `a` may not contain white space here")),
        ("e.{{ args.a }}", "a\u{85}b", Err("argument `a` may not contain control characters here")),
    ];
    for (template, value, expected) in cases {
        match (render(template, json!({ "a": value })), expected) {
            (Ok(subject), Ok(expected)) => assert_eq!(subject, expected, "{template}"),
            (Err(told), Err(expected)) => assert!(told.starts_with(expected), "{template} {value}: {told}"),
            (rendered, _) => panic!("{template} {value}: {rendered:?}"),
        }
    }
}

#[test]
fn broken_templates_say_what_to_write() {
    for text in
        ["{{ args.id", "{{ id }}", "{{ args }}", "{{ args. }}", "{{ args.a..b }}", "a }} b", "{{{ args.a }}}"]
    {
        assert!(Template::parse(text).is_err(), "{text}");
    }
}

#[test]
fn filter_values_keep_their_type_and_lists_spread() {
    let cases = [
        ("{{ args.a }}", json!({ "a": 1 }), vec![json!(1)]),
        ("{{ args.a }}", json!({ "a": ["x", null, 2] }), vec![json!("x"), json!(null), json!(2)]),
        ("{{ args.a }}", json!({ "a": [] }), vec![]),
        ("p-{{ args.a }}-s", json!({ "a": 1 }), vec![json!("p-1-s")]),
        ("p-{{ args.a }}", json!({ "a": ["x", "y"] }), vec![json!("p-x"), json!("p-y")]),
        ("{{ args.a }}-{{ args.b }}", json!({ "a": 1, "b": true }), vec![json!("1-true")]),
        ("{{ args.a }}-{{ args.b }}", json!({ "a": ["1", "2"], "b": 3 }), vec![json!("1-3"), json!("2-3")]),
    ];
    for (template, arguments, expected) in cases {
        assert_eq!(values(template, arguments), Ok(expected), "{template}");
    }
    let two_lists = values("{{ args.a }}{{ args.b }}", json!({ "a": [1], "b": [2] }));
    assert_eq!(two_lists, Err("argument `b` is a second list in one filter value".into()));
    assert!(values("{{ args.a }}", json!({ "a": [[1]] })).is_err());
    assert!(values("{{ args.a }}", json!({})).is_err());
}

fn part() -> impl Strategy<Value = Part> {
    let path = || proptest::collection::vec("[a-zA-Z_][a-zA-Z0-9_]{0,5}", 1..3);
    prop_oneof![
        "[a-z*>.]{1,6}".prop_map(Part::Text),
        path().prop_map(Part::Argument),
        path().prop_map(Part::Claim)
    ]
}

proptest! {
    #[test]
    fn print_and_parse_agree(parts in proptest::collection::vec(part(), 0..6)) {
        let written = Template { parts }.to_string();
        let read = Template::parse(&written).expect("what is printed can be read");
        prop_assert_eq!(read.to_string(), written);
    }

    #[test]
    fn any_text_that_parses_prints_to_itself_in_meaning(
        text in "([a-z.{} ]|\\{\\{ args\\.[a-z]{1,3} \\}\\}){0,8}",
    ) {
        if let Ok(template) = Template::parse(&text) {
            prop_assert_eq!(Template::parse(&template.to_string()), Ok(template));
        }
    }

    #[test]
    fn no_value_widens_a_subject(
        value in prop_oneof![any::<String>(), "[a-z.*>\\s'\"]{0,8}", "[a-zA-Z0-9_-]{1,12}"],
        template in prop_oneof![
            Just("e.{{ args.v }}"), Just("{{ args.v }}"), Just("a.{{ args.v }}.b.>"),
            Just("x{{ args.v }}y.*"),
            Just("{{ args.v }}.{{ args.v }}"),
        ],
    ) {
        if let Ok(subject) = render(template, json!({ "v": value })) {
            let fixed = template.replace("{{ args.v }}", "v");
            let wildcards = |text: &str| text.split('.').filter(|t| ["*", ">"].contains(t)).count();
            prop_assert_eq!(subject.split('.').count(), fixed.split('.').count());
            prop_assert_eq!(wildcards(&subject), wildcards(&fixed));
            prop_assert!(subject.split('.').all(|token| !token.is_empty()));
            prop_assert!(!subject.chars().any(|c| c.is_whitespace() || c.is_control()));
        }
    }
}

#[test]
fn a_list_becomes_one_subject_for_each_of_its_items() {
    let each = |template: &str, arguments: Value| {
        let template = Template::parse(template).expect("parses");
        let (arguments, claims) = (object(arguments), json!({ "teams": ["a", "b"] }));
        template.render_each(Scope { arguments: &arguments, claims: &claims }, &NATS).map_err(|error| error.0)
    };
    let subjects = |names: &[&str]| Ok(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
    let cases = [
        ("e.{{ args.id }}", json!({ "id": 1 }), subjects(&["e.1"])),
        ("e.{{ args.id }}.x", json!({ "id": [1, "b"] }), subjects(&["e.1.x", "e.b.x"])),
        ("{{ args.id }}.{{ args.id }}", json!({ "id": [1, 2] }), subjects(&["1.1", "2.2"])),
        ("{{ args.a }}.{{ args.id }}", json!({ "a": "x", "id": [1] }), subjects(&["x.1"])),
        ("t.{{ claims.teams }}", json!({}), subjects(&["t.a", "t.b"])),
        ("e.{{ args.in.ids }}", json!({ "in": { "ids": ["k"] } }), subjects(&["e.k"])),
        (
            "{{ args.a }}.{{ args.id }}",
            json!({ "a": [1], "id": [1] }),
            Err("argument `id` is a second list in one subject".to_owned()),
        ),
        (
            "e.{{ args.id }}",
            json!({ "id": [] }),
            Err("argument `id` is empty: there is nothing to subscribe to".to_owned()),
        ),
        (
            "e.{{ args.id }}",
            json!({ "id": ["a", "b.c"] }),
            Err("argument `id` may not contain `.` here: it would change the subject".to_owned()),
        ),
        (
            "e.{{ args.id }}",
            json!({ "id": [["a"]] }),
            Err("argument `id` is a list and must be a single value here".to_owned()),
        ),
        (
            "e.{{ args.id }}",
            json!({ "id": [null] }),
            Err("argument `id` is null and must have a value here".to_owned()),
        ),
    ];
    for (template, arguments, expected) in cases {
        assert_eq!(each(template, arguments), expected, "{template}");
    }
}

#[test]
fn keys_and_headers_hold_any_text_of_one_line() {
    let text = |arguments: Value| {
        let arguments = object(arguments);
        let scope = Scope { arguments: &arguments, claims: &Value::Null };
        Template::parse("k-{{ args.id }}").expect("parses").render_text(scope).map_err(|error| error.0)
    };
    assert_eq!(text(json!({ "id": "a.b *>" })).as_deref(), Ok("k-a.b *>"));
    assert_eq!(text(json!({ "id": "" })).as_deref(), Ok("k-"));
    for id in ["a\r\nx: y", "\u{0}"] {
        let refused = text(json!({ "id": id }));
        assert_eq!(refused.unwrap_err(), "argument `id` may not contain control characters here");
    }
}

#[test]
fn a_broker_of_words_takes_nothing_else() {
    let rule = SubjectRule { noun: "topic", words_only: true, ..NATS };
    let claims = Value::Null;
    for (id, fits) in [("a-b_9", true), ("\u{e9}", false), ("a#b", false), ("a.b", false), ("a b", false)] {
        let arguments = object(json!({ "id": id }));
        let scope = Scope { arguments: &arguments, claims: &claims };
        let rendered = Template::parse("t.{{ args.id }}").expect("parses").render(scope, &rule);
        assert_eq!(rendered.is_ok(), fits, "{id}");
        assert!(rendered.err().is_none_or(|error| error.0.starts_with("argument `id` may")));
    }
}
