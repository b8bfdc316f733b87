//! Sends hundreds of unique strings, each through one input of one route, to functions that succeed
//! or fail. No string may appear in a log line, a metric, a Redis value or an error.

use std::collections::BTreeSet;

use api_tests::openapi::Operation;
use api_tests::{Client, ModelResponse, RedisChoice, Response, Setup, StubModel, TestApp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::routes::{fill_in, request, user_with_entry};

/// Headers that clients usually send, and headers that the service does not know.
const HEADERS: [&str; 11] = [
    "user-agent",
    "referer",
    "cookie",
    "x-forwarded-for",
    "accept-language",
    "accept-encoding",
    "if-none-match",
    "if-match",
    "idempotency-key",
    "x-request-id",
    "x-custom",
];
/// The minimum number of strings that must be sent.
const MIN_STRINGS: usize = 200;

/// A generator of unique strings, which records them.
#[derive(Default)]
struct UniqueStrings(Vec<String>);

impl UniqueStrings {
    fn next(&mut self) -> String {
        self.0.push(format!("unique{:04}{}", self.0.len(), Uuid::new_v4().simple()));
        self.0[self.0.len() - 1].clone()
    }

    /// Returns a valid body of an operation with a unique string in every field for text.
    fn body(&mut self, operation: &Operation) -> Option<Value> {
        let mut body = operation.body_with(|| self.next())?;
        if let Some(message) = body.get_mut("message") {
            // This message is a question, whose answer is cached.
            *message = json!(format!("How can I sleep with {} at night?", self.next()));
        }
        Some(body)
    }

    /// Returns bodies of an operation with unique strings of other types and formats in all fields.
    fn invalid_bodies(&mut self, operation: &Operation) -> Vec<Value> {
        let shapes: [fn(String) -> Value; 4] = [
            |text| json!(format!("{text}\u{0}")),
            |text| json!([text]),
            |text| json!([format!("http://{text}/")]),
            |text| json!({&text: text}),
        ];
        let body = |shape: &fn(String) -> Value| {
            operation.body_fields().map(|(name, _)| (name.to_owned(), shape(self.next()))).collect()
        };
        shapes.iter().map(body).collect()
    }

    #[track_caller]
    fn assert_absent_from(&self, text: &[u8], what: &str) {
        // Every unique string begins with this word, so a text without the word contains none of
        // them.
        if text.windows(6).any(|window| window == b"unique") {
            let text = String::from_utf8_lossy(text);
            let found: Vec<_> = self.0.iter().filter(|string| text.contains(string.as_str())).collect();
            assert!(found.is_empty(), "{found:?} in {what}: {text}");
        }
    }
}

/// Sends a unique string through every input of every route, in valid and in invalid requests.
async fn send_everywhere(strings: &mut UniqueStrings, client: &Client, user: Uuid) -> Vec<Response> {
    let mut responses = Vec::new();
    let parameters = Operation::all().iter().flat_map(Operation::query_parameters);
    let parameters: BTreeSet<&str> = parameters.chain(["unknown"]).collect();
    for operation in Operation::all() {
        // Operations that end the session or the account would make all further requests fail.
        if ["POST /api/auth/logout", "POST /api/auth/refresh", "DELETE /api/account"]
            .contains(&operation.route().as_str())
        {
            continue;
        }
        let has_body = !operation.example_bodies().is_empty();
        let send = || request(client, user, operation);
        for name in HEADERS {
            let request = send().header(name, strings.next());
            responses.push(match strings.body(operation) {
                Some(body) => request.json(&body).await,
                None => request.await,
            });
        }
        responses.push(send().header("authorization", format!("Bearer {}", strings.next())).await);
        if has_body {
            responses.push(send().body("application/json", format!("{{\"message\": \"{}", strings.next())).await);
            responses.push(send().body("application/json", format!("[\"{}\"]", strings.next())).await);
            responses.push(send().body(&format!("text/{}", strings.next()), "x").await);
            for invalid in strings.invalid_bodies(operation) {
                responses.push(send().json(&invalid).await);
            }
        } else if operation.method == "GET" {
            let path = fill_in(operation.path, &user.to_string());
            for name in &parameters {
                responses.push(client.get(format!("{path}?{name}={}", strings.next())).await);
            }
        }
        responses.push(client.request(operation.method.as_str(), fill_in(operation.path, &strings.next())).await);
    }
    responses
}

#[tokio::test]
async fn no_input_appears_in_a_log_line_a_metric_a_redis_value_or_an_error() {
    let model = StubModel::start();
    let mut variables = model.variables();
    variables.push(("SLOW_QUERY_THRESHOLD", "0.000001".to_owned()));
    let setup = Setup { redis: RedisChoice::Own, proxied: true, variables, ..Setup::default() };
    let app = TestApp::start_with(setup).await;
    let (redis, postgres) = (app.redis_proxy.as_ref().unwrap(), app.postgres_proxy.as_ref().unwrap());
    let mut strings = UniqueStrings::default();
    let mut responses = Vec::new();

    for path in ["success", "the model fails", "a defect", "redis is down", "postgres is down"] {
        let ada = user_with_entry(&app).await;
        model.respond_with(ModelResponse::Text(strings.next()));
        match path {
            "the model fails" => {
                model.respond_with(ModelResponse::Body(format!("{{\"error\": \"{}\"}}", strings.next()).into_bytes()))
            }
            "a defect" => {
                let defect =
                    "ALTER TABLE journal_entries ADD CONSTRAINT defect CHECK (content NOT LIKE 'unique%') NOT VALID";
                app.query(defect, &[]).await;
            }
            "redis is down" => redis.refuse().await,
            "postgres is down" => {
                redis.heal().await;
                postgres.refuse().await;
            }
            _ => {}
        }
        let answers = send_everywhere(&mut strings, &ada, ada.id).await;
        let statuses: BTreeSet<u16> = answers.iter().map(|response| response.status).collect();
        let expected = match path {
            "a defect" => 500,
            "postgres is down" => 503,
            _ => 200,
        };
        assert!(statuses.contains(&expected) && statuses.contains(&401), "{path}: {statuses:?}");
        responses.extend(answers);
    }
    assert!(strings.0.len() >= MIN_STRINGS, "only {} strings were sent", strings.0.len());

    for response in responses.iter().filter(|response| response.status >= 400) {
        strings.assert_absent_from(format!("{:?}{}", response.headers, response.text()).as_bytes(), "an error");
    }
    app.wait_until_idle().await;
    let lines = app.logs.lines();
    assert!(lines.iter().any(|line| line.text.contains("slow query")), "no slow query was logged");
    assert!(lines.iter().any(|line| line.text.contains("internal error")), "no defect was logged");
    for line in &lines {
        strings.assert_absent_from(line.text.as_bytes(), &line.function);
    }
    let keys: Vec<String> = app.redis(redis::cmd("KEYS").arg("*")).await;
    assert!(keys.len() > 20, "{keys:?}");
    for key in keys {
        strings.assert_absent_from(key.as_bytes(), "the name of a key");
        let value: Vec<u8> = app.redis(redis::cmd("GET").arg(&key)).await;
        strings.assert_absent_from(&value, &key);
    }
}
