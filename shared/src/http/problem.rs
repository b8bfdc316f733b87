//! Problem details (RFC 9457).

use domain::error::Error;
use safety::Resource;
use serde::Serialize;
use utoipa::ToSchema;

use super::errors::{ErrorKind, describe};

/// Body of every error response: problem details (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem<'a> {
    /// URI of the kind of error: `urn:kai:error:` followed by the code.
    #[serde(rename = "type")]
    #[schema(pattern = "^urn:kai:error:[a-z_]+$")]
    kind: String,
    /// Human-readable name of the kind of error.
    title: &'static str,
    /// HTTP status of the response.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// Human-readable explanation: what happened and what the client can do.
    detail: String,
    /// Machine-readable name of the kind of error, which never changes.
    code: &'static str,
    /// Id of the request, as in the header `X-Request-Id`.
    request_id: &'a str,
    /// Fields that break their rules. Present only for `invalid_fields`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1)]
    errors: Vec<Member>,
    /// Crisis services. Present only in errors of `POST /api/chat`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    #[schema(min_items = 1)]
    resources: &'a [Resource],
}

/// Field that breaks its rule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FieldError)]
struct Member {
    /// Name of the field in the body, the query, the path or the headers.
    field: &'static str,
    /// Rule of the field, as a phrase that follows the name.
    message: &'static str,
}

impl<'a> Problem<'a> {
    /// Creates the body of an error response. `resources` are the crisis services in errors of the
    /// chat.
    pub fn new(error: &Error, request_id: &'a str, resources: &'a [Resource]) -> Self {
        let (&ErrorKind { code, status, title, .. }, detail) = describe(error);
        let errors = match error {
            Error::Invalid(fields) => fields.iter().map(|e| Member { field: e.field, message: e.rule }).collect(),
            _ => Vec::new(),
        };
        let kind = format!("urn:kai:error:{code}");
        Self { kind, title, status: status.as_u16(), detail, code, request_id, errors, resources }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use domain::error::FieldError;

    #[test]
    fn invalid_fields_are_listed_with_their_rules() {
        let error = Error::Invalid(vec![FieldError { field: "mood", rule: "must be a number from 1.0 to 10.0" }]);
        let problem = serde_json::to_value(Problem::new(&error, "r-1", &[])).unwrap();
        let expected = json!({
            "type": "urn:kai:error:invalid_fields", "title": "Some fields are invalid", "status": 422, "code": "invalid_fields",
            "detail": "mood must be a number from 1.0 to 10.0.", "request_id": "r-1",
            "errors": [{"field": "mood", "message": "must be a number from 1.0 to 10.0"}]
        });
        assert_eq!(problem, expected);
    }

    #[test]
    fn the_cause_of_an_error_is_not_sent_to_the_client() {
        for error in [Error::internal("hunter2"), Error::unavailable("hunter2")] {
            let problem = serde_json::to_string(&Problem::new(&error, "r-1", &[])).unwrap();
            assert!(!problem.contains("hunter2"), "{problem}");
        }
    }

    #[test]
    fn the_time_to_wait_is_in_whole_seconds_and_at_least_one() {
        let error = Error::RateLimited { retry_after: Duration::from_millis(10) };
        assert_eq!(Problem::new(&error, "", &[]).detail, "Too many attempts or messages. Try again in 1 s.");
    }
}
