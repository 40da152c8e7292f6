//! Statuses by what went wrong, and what each must carry.
//! Owns no socket.

use super::*;

#[test]
fn a_401_says_how_to_sign_in_whoever_found_it_missing() {
    let table = [
        (Code::Unauthenticated, StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED),
        (Code::Forbidden, StatusCode::FORBIDDEN, StatusCode::FORBIDDEN),
        (Code::GraphqlValidationFailed, StatusCode::BAD_REQUEST, StatusCode::OK),
        (Code::PlanningFailed, StatusCode::INTERNAL_SERVER_ERROR, StatusCode::INTERNAL_SERVER_ERROR),
    ];
    for (code, own_type, plain_json) in table {
        let found = [GraphqlError::new(code, "no")];
        for (media, expected) in [(Media::GraphqlResponse, own_type), (Media::Json, plain_json)] {
            let answer = errors(status_of(&found, media), media, &found);
            assert_eq!(answer.status(), expected, "{code:?} {media:?}");
            let says_how = answer.headers().get(WWW_AUTHENTICATE).is_some_and(|value| value == "Bearer");
            assert_eq!(says_how, expected == StatusCode::UNAUTHORIZED, "{code:?} {media:?}");
        }
    }
}
