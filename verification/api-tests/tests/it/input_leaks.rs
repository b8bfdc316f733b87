//! Hundreds of marker strings, each through one input of one route, on every path that leads to an answer: none of them comes out where only our own
//! words belong.

use api_tests::{Client, ModelResponse, RedisChoice, Response, Setup, StubModel, TestApp};
use serde_json::{Value, json};
use uuid::Uuid;

use super::errors::{ROUTES, bodies, request};

/// The headers that clients send, and such as nobody asked for.
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
const PARAMETERS: [&str; 13] = [
    "page",
    "page_size",
    "cursor",
    "limit",
    "before",
    "tags",
    "search",
    "fields",
    "days",
    "scope",
    "start_date",
    "mood_min",
    "unknown",
];
/// How many there must be at least.
const LEAST: usize = 200;

/// Hands out strings that stand nowhere else.
#[derive(Default)]
struct Markers(Vec<String>);

impl Markers {
    fn next(&mut self) -> String {
        self.0.push(format!("marker{:04}{}", self.0.len(), Uuid::new_v4().simple()));
        self.0[self.0.len() - 1].clone()
    }

    /// The body with a marker as every text in it, e-mail addresses and passwords remaining such.
    fn fill(&mut self, body: &Value) -> Value {
        match body {
            Value::Object(members) => members
                .iter()
                .map(|(name, value)| match name.as_str() {
                    "email" => (name.clone(), json!(format!("{}@example.org", self.next()))),
                    // A question whose answer is kept.
                    "message" => (name.clone(), json!(format!("How can I sleep with {} at night?", self.next()))),
                    _ => (name.clone(), self.fill(value)),
                })
                .collect(),
            Value::Array(values) => values.iter().map(|value| self.fill(value)).collect(),
            Value::String(_) => json!(self.next()),
            other => other.clone(),
        }
    }

    #[track_caller]
    fn are_not_in(&self, text: &[u8], what: &str) {
        // All begin alike: where that is not, none of them is.
        if text.windows(6).any(|window| window == b"marker") {
            let text = String::from_utf8_lossy(text);
            let found: Vec<_> = self.0.iter().filter(|marker| text.contains(marker.as_str())).collect();
            assert!(found.is_empty(), "{found:?} in {what}: {text}");
        }
    }
}

/// Sends a marker through every input of every route, rightly and wrongly.
async fn push(markers: &mut Markers, client: &Client, user: Uuid) -> Vec<Response> {
    let mut responses = Vec::new();
    let bodies = bodies();
    for (method, path, _) in ROUTES {
        // Whatever ends the session or the account would leave nothing to refuse.
        if ["/api/auth/logout", "/api/auth/refresh"].contains(&path) || (method, path) == ("DELETE", "/api/account") {
            continue;
        }
        let body = bodies.iter().find(|(m, p, _)| (*m, *p) == (method, path)).map(|(_, _, body)| body);
        let send = || request(client, user, method, path);
        for name in HEADERS {
            let marked = send().header(name, markers.next());
            responses.push(match body {
                Some(body) => marked.json(&markers.fill(body)).await,
                None => marked.await,
            });
        }
        responses.push(send().header("authorization", format!("Bearer {}", markers.next())).await);
        if body.is_some() {
            responses.push(send().body("application/json", format!("{{\"message\": \"{}", markers.next())).await);
            responses.push(send().body("application/json", format!("[\"{}\"]", markers.next())).await);
            responses.push(send().body(&format!("text/{}", markers.next()), "x").await);
            let marker = markers.next();
            let wrong = json!({
                "email": marker, "password": {&marker: 1}, "title": [&marker], "content": {&marker: marker}, "mood": marker, "tags": marker,
                "images": [format!("http://{marker}/")], "traits": marker, "message": format!("{marker}\u{0}"), "user_id": marker,
                "old_password": [&marker], "new_password": marker, "country": marker, "conversation_history": marker,
            });
            responses.push(send().json(&wrong).await);
        } else if method == "GET" {
            for name in PARAMETERS {
                let path = path.replace("{user_id}", &user.to_string()).replace("{entry_id}", &user.to_string());
                responses.push(client.get(format!("{path}?{name}={}", markers.next())).await);
            }
        }
        let path = path.replace("{user_id}", &markers.next()).replace("{entry_id}", &markers.next());
        responses.push(client.request(method, path).await);
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
    let mut markers = Markers::default();
    let mut responses = Vec::new();

    for path in ["all is well", "the model fails", "a defect", "redis is away", "postgres is away"] {
        let ada = app.new_user().await;
        app.query("INSERT INTO journal_entries (id, user_id, content) VALUES ($1, $1, 'x')", &[&ada.id]).await;
        model.respond_with(ModelResponse::Text(markers.next()));
        match path {
            "the model fails" => {
                model.respond_with(ModelResponse::Body(format!("{{\"error\": \"{}\"}}", markers.next()).into_bytes()))
            }
            "a defect" => {
                let defect =
                    "ALTER TABLE journal_entries ADD CONSTRAINT defect CHECK (content NOT LIKE 'marker%') NOT VALID";
                app.query(defect, &[]).await;
            }
            "redis is away" => redis.refuse().await,
            "postgres is away" => {
                redis.heal().await;
                postgres.refuse().await;
            }
            _ => {}
        }
        let answered = push(&mut markers, &ada, ada.id).await;
        let statuses: std::collections::BTreeSet<u16> = answered.iter().map(|response| response.status).collect();
        let reached = match path {
            "a defect" => 500,
            "postgres is away" => 503,
            _ => 200,
        };
        assert!(statuses.contains(&reached) && statuses.contains(&401), "{path}: {statuses:?}");
        responses.extend(answered);
    }
    assert!(markers.0.len() >= LEAST, "only {} markers", markers.0.len());

    for response in responses.iter().filter(|response| response.status >= 400) {
        markers.are_not_in(format!("{:?}{}", response.headers, response.text()).as_bytes(), "an error");
    }
    app.wait_until_idle().await;
    let lines = app.logs.lines();
    assert!(lines.iter().any(|line| line.text.contains("slow query")), "the most talkative warning was never given");
    assert!(lines.iter().any(|line| line.text.contains("internal error")), "no defect was ever met");
    for line in &lines {
        markers.are_not_in(line.text.as_bytes(), &line.function);
    }
    let keys: Vec<String> = app.redis(redis::cmd("KEYS").arg("*")).await;
    assert!(keys.len() > 20, "{keys:?}");
    for key in keys {
        markers.are_not_in(key.as_bytes(), "the name of a key");
        let value: Vec<u8> = app.redis(redis::cmd("GET").arg(&key)).await;
        markers.are_not_in(&value, &key);
    }
}
