//! Errors as rskafka hands them over, and what is read out of them.

use super::*;

fn answered(protocol_error: ProtocolError) -> Error {
    Error::ServerError {
        protocol_error,
        error_message: None,
        request: rskafka::client::error::RequestContext::Topic("t".into()),
        response: None,
        is_virtual: false,
    }
}

fn given_up(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    let source = Box::new(source);
    Error::RetryFailed(BackoffError::DeadlineExceded { deadline: Duration::ZERO, source })
}

#[test]
fn a_code_is_found_inside_a_retry_that_was_given_up() {
    let fault = Fault::from(given_up(answered(ProtocolError::NotLeaderOrFollower)));
    assert!(matches!(fault, Fault::Moved(ProtocolError::NotLeaderOrFollower)), "{fault:?}");
    let fault = Fault::from(answered(ProtocolError::TopicAuthorizationFailed));
    assert!(matches!(&fault, Fault::Denied(text) if text.contains("TopicAuthorizationFailed")), "{fault:?}");
    let fault = Fault::from(answered(ProtocolError::MessageTooLarge));
    assert!(matches!(fault, Fault::Answered(ProtocolError::MessageTooLarge)), "{fault:?}");
}

#[test]
fn a_lost_connection_keeps_its_last_cause_only() {
    let fault = Fault::from(given_up(std::io::Error::other("first. Source: the last")));
    assert!(matches!(&fault, Fault::Lost(text) if text == "the last"), "{fault:?}");
}

#[test]
fn a_marker_is_no_broken_record() {
    assert!(matches!(
        unreadable("Malformed data: Unknown control batch record version: 8192"),
        Fault::Marker
    ));
    assert!(matches!(unreadable("Malformed data: CRC error"), Fault::Unreadable(_)));
    let fault = Fault::from(Error::InvalidResponse("Could not find metadata for partition 1".into()));
    assert!(matches!(fault, Fault::Lost(_)), "nothing is skipped for it: {fault:?}");
}
