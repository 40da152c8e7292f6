//! What is written twice: the later one would be dropped, a filter with it, so it is refused.

use super::{field, nats, refused, tells};

#[test]
fn a_second_filter_on_one_field_is_refused() {
    let filter = |values: &str| {
        format!(
            "@openfed__subscriptionFilter(condition: {{ IN: {{ fieldPath: \"id\", values: {values} }} }})"
        )
    };
    let sdl = field("", &format!("{} {} {}", nats("s"), filter("1"), filter("[2]")));
    tells(&sdl, "`f` has a second `@openfed__subscriptionFilter`", "write one with `AND`");
    let found = refused(&sdl);
    let [told] = found.as_slice() else { panic!("one finding: {found:?}") };
    let second = sdl.rfind("@openfed__").expect("it is there") + 1;
    assert_eq!(told.span.as_ref().map(|span| span.column), Some(second), "the second one's place");
}

#[test]
fn arguments_and_fields_are_given_once() {
    let filter = |arguments: &str| format!("{} @openfed__subscriptionFilter({arguments})", nats("s"));
    let one = "condition: { IN: { fieldPath: \"id\", values: [1] } }";
    let within = |fields: &str| filter(&format!("condition: {{ IN: {{ {fields} }} }}"));
    let stream = |fields: &str| {
        format!("@edfs__natsSubscribe(subjects: [\"s\"], streamConfiguration: {{ {fields} }})")
    };
    let cases = [
        (
            "@edfs__natsSubscribe(subjects: [\"a\"], subjects: [\"b\"])".to_owned(),
            "`subjects` is given twice to `@edfs__natsSubscribe`",
        ),
        (
            "@edfs__kafkaSubscribe(topics: \"a\", providerId: \"x\", providerId: \"y\")".to_owned(),
            "`providerId` is given twice to `@edfs__kafkaSubscribe`",
        ),
        (
            "@eventsSubscribe(topic: \"a\", providerId: \"x\", sourceID: \"y\")".to_owned(),
            "`providerId` and `sourceID` are the same",
        ),
        (filter(&format!("{one}, {one}")), "`condition` is given twice to `@openfed__subscriptionFilter`"),
        (within("fieldPath: \"id\", values: [1], fieldPath: \"tag\""), "`fieldPath` is given twice in `IN`"),
        (within("fieldPath: \"id\", values: [1], values: [2]"), "`values` is given twice in `IN`"),
        (
            stream("streamName: \"a\", streamName: \"b\""),
            "`streamName` is given twice in `streamConfiguration`",
        ),
        (
            stream("streamName: \"a\", consumerName: \"b\", consumerName: \"c\""),
            "`consumerName` is given twice in `streamConfiguration`",
        ),
    ];
    for (directives, message) in cases {
        tells(&field("", &directives), message, "leave one of them out");
    }
    let publish = "type Mutation { m: edfs__PublishResult! @edfs__natsPublish(subject: \"s\", \
        headers: [{ name: \"a\", value: \"1\", value: \"2\" }]) }";
    tells(publish, "`value` is given twice in `headers`", "leave one of them out");
}

#[test]
fn a_filter_takes_its_condition_and_nothing_else() {
    let filter =
        "@openfed__subscriptionFilter(condition: { IN: { fieldPath: \"id\", values: [1] } }, conditon: 1)";
    let sdl = field("", &format!("{} {filter}", nats("s")));
    tells(&sdl, "`@openfed__subscriptionFilter` has no argument `conditon`", "did you mean `condition`?");
}
