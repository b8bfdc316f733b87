//! HTTP API events (payload format 2.0) that are as large as those of a real client.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The parts of a request that differ between cases.
#[derive(Debug, Default)]
pub(crate) struct Event<'a> {
    /// The method and the path of the template, such as `GET /api/users/{user_id}/profile`.
    pub(crate) route: &'a str,
    /// The value of `{user_id}` in the route.
    pub(crate) user_id: Option<&'a str>,
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) token: Option<&'a str>,
    pub(crate) if_none_match: Option<&'a str>,
    pub(crate) body: Option<Value>,
}

impl Event<'_> {
    /// Returns the event as Lambda passes it to the function.
    pub(crate) fn payload(&self) -> Vec<u8> {
        let (method, path) = self.route.split_once(' ').unwrap_or(("GET", self.route));
        let path = self.user_id.map_or_else(|| path.to_owned(), |id| path.replace("{user_id}", id));
        let raw_query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let body = self.body.as_ref().map(Value::to_string);
        let mut event = json!({
            "version": "2.0",
            "routeKey": self.route,
            "rawPath": path,
            "rawQueryString": raw_query.join("&"),
            "headers": self.headers(body.as_deref()),
            "requestContext": {
                "accountId": "123456789012",
                "apiId": "k4x1m2n3p4",
                "domainName": "k4x1m2n3p4.execute-api.eu-central-1.amazonaws.com",
                "domainPrefix": "k4x1m2n3p4",
                "http": {
                    "method": method,
                    "path": path,
                    "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.24",
                    "userAgent": "kai-ios/2.4.1 (iPhone; iOS 26.1)",
                },
                "requestId": "flawXjtuanfvVyw=",
                "routeKey": self.route,
                "stage": "$default",
                "time": "02/Nov/2026:08:16:00 +0000",
                "timeEpoch": 1_793_607_360_000_u64,
            },
            "isBase64Encoded": false,
        });
        if let Some(object) = event.as_object_mut() {
            if !self.query.is_empty() {
                object.insert("queryStringParameters".to_owned(), self.query.iter().copied().collect());
            }
            if let Some(user_id) = self.user_id {
                object.insert("pathParameters".to_owned(), json!({ "user_id": user_id }));
            }
            if let Some(body) = body {
                object.insert("body".to_owned(), body.into());
            }
        }
        event.to_string().into_bytes()
    }

    fn headers(&self, body: Option<&str>) -> BTreeMap<&'static str, String> {
        let mut headers: BTreeMap<&'static str, String> = [
            ("accept", "application/json"),
            ("accept-encoding", "gzip, deflate, br"),
            ("host", "k4x1m2n3p4.execute-api.eu-central-1.amazonaws.com"),
            ("user-agent", "kai-ios/2.4.1 (iPhone; iOS 26.1)"),
            ("x-amzn-trace-id", "Root=1-6ae846a2-d5eb69dd2ec769f18082019f"),
            ("x-forwarded-for", "203.0.113.24"),
            ("x-forwarded-port", "443"),
            ("x-forwarded-proto", "https"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
        .into();
        headers.extend(self.token.map(|token| ("authorization", format!("Bearer {token}"))));
        headers.extend(self.if_none_match.map(|tag| ("if-none-match", tag.to_owned())));
        if let Some(body) = body {
            headers.insert("content-type", "application/json".to_owned());
            headers.insert("content-length", body.len().to_string());
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_equals_the_recorded_one() {
        let recorded: Value =
            serde_json::from_str(include_str!("../../../../events/journal-list/success.json")).unwrap();
        let token = "AZLwwXo7fE2OXxAhMkNUZQABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f";
        let query = [("page", "1"), ("page_size", "20")];
        let event = Event { route: "GET /api/journal/entries", query: &query, token: Some(token), ..Event::default() };
        assert_eq!(serde_json::from_slice::<Value>(&event.payload()).unwrap(), recorded);
    }

    #[test]
    fn the_user_id_is_in_the_path_and_the_body_is_text() {
        let route = "PATCH /api/users/{user_id}/profile";
        let event = Event { route, user_id: Some("u-1"), body: Some(json!({"a": 1})), ..Event::default() };
        let event: Value = serde_json::from_slice(&event.payload()).unwrap();
        assert_eq!((&event["rawPath"], &event["body"]), (&json!("/api/users/u-1/profile"), &json!("{\"a\":1}")));
        assert_eq!(event["pathParameters"]["user_id"], "u-1");
    }
}
