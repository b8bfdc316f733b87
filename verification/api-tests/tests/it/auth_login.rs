//! `POST /api/auth/login`.

use api_tests::{Kai, Person, RedisChoice, Setup};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// A system whose counters of attempts nobody else touches.
static KAI: OnceCell<Kai> = OnceCell::const_new();

async fn kai() -> &'static Kai {
    KAI.get_or_init(|| Kai::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() })).await
}

/// An attempt from any address: the gateway's word for it is in the event.
async fn attempt(kai: &Kai, source: &str, email: &str, password: &str) -> Reply {
    // What a client claims about itself must not count.
    let claimed = json!({"x-forwarded-for": uuid::Uuid::new_v4().to_string()});
    attempt_with(kai, source, &claimed, email, password).await
}

async fn attempt_with(kai: &Kai, source: &str, headers: &Value, email: &str, password: &str) -> Reply {
    let mut event = super::events::read("auth-login", "success");
    event["requestContext"]["http"]["sourceIp"] = json!(source);
    for (name, value) in headers.as_object().unwrap() {
        event["headers"][name] = value.clone();
    }
    event["body"] = json!(json!({"email": email, "password": password}).to_string());
    let reply = kai.invoke("auth-login", &event).await.unwrap();
    Reply { status: reply["statusCode"].as_u64().unwrap(), headers: reply["headers"].clone() }
}

struct Reply {
    status: u64,
    headers: Value,
}

impl Reply {
    fn retry_after(&self) -> u64 {
        self.headers["retry-after"].as_str().unwrap().parse().unwrap()
    }
}

async fn fail(kai: &Kai, source: &str, person: &Person) -> u64 {
    attempt(kai, source, &person.email, "wrong").await.status
}

#[tokio::test]
async fn a_token_signs_in_until_it_is_given_back() {
    let kai = Kai::shared().await;
    let ada = kai.register_and_login().await;
    let credentials = json!({"email": ada.email.to_uppercase(), "password": ada.password});
    let reply = kai.anonymous().post("/api/auth/login", &credentials).await;
    let login = reply.good();
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let expires_at: jiff::Timestamp = login["expires_at"].as_str().unwrap().parse().unwrap();
    let days = expires_at.duration_since(jiff::Timestamp::now()).as_hours() / 24;
    assert_eq!((&login["token_type"], days), (&json!("bearer"), 29));
    let token = login["access_token"].as_str().unwrap();
    assert_eq!(token.len(), 64);
    assert_ne!(token, ada.token);
    assert_eq!(kai.anonymous().with_token(token).get("/api/auth/me").await.good()["id"], json!(ada.id));
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let kai = kai().await;
    let ada = kai.register_and_login().await;
    let mut bodies = Vec::new();
    for (email, password) in [(ada.email.as_str(), "wrong password"), ("nobody@example.org", ada.password.as_str())] {
        let reply = kai.anonymous().post("/api/auth/login", &json!({"email": email, "password": password})).await;
        let mut problem = reply.expect_problem(401, "wrong_credentials");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        problem.as_object_mut().unwrap().remove("request_id");
        bodies.push(problem);
    }
    assert_eq!(bodies[0], bodies[1]);
}

#[tokio::test]
async fn somebody_who_is_not_active_cannot_sign_in_and_is_not_told_why() {
    let kai = kai().await;
    let ada = kai.register_and_login().await;
    kai.query("UPDATE users SET is_active = false WHERE id = $1", &[&ada.id]).await;
    let credentials = json!({"email": ada.email, "password": ada.password});
    kai.anonymous().post("/api/auth/login", &credentials).await.expect_problem(401, "wrong_credentials");
}

#[tokio::test]
async fn the_eleventh_failure_from_one_source_is_refused_and_another_source_may_still_try() {
    let kai = kai().await;
    let ada = kai.register_and_login().await;
    for _ in 0..10 {
        assert_eq!(fail(kai, "198.51.100.1", &ada).await, 401);
    }
    let refused = attempt(kai, "198.51.100.1", &ada.email, &ada.password).await;
    assert_eq!(refused.status, 429, "the right password does not help");
    assert!((1..=900).contains(&refused.retry_after()), "{}", refused.retry_after());
    assert_eq!(attempt(kai, "198.51.100.2", &ada.email, &ada.password).await.status, 200);
    let bob = kai.register_and_login().await;
    assert_eq!(attempt(kai, "198.51.100.1", &bob.email, &bob.password).await.status, 200);
}

#[tokio::test]
async fn behind_cloudfront_an_address_is_what_it_saw_and_nobody_else_is_believed() {
    let variables = vec![("EDGE_KEY", "only the edge knows".to_owned())];
    let kai = Kai::start_with(Setup { redis: RedisChoice::Own, variables, ..Setup::default() }).await;
    let from = |key: &str, viewer: &str| json!({"x-edge-key": key, "x-forwarded-for": format!("10.9.9.9, {viewer}, 203.0.113.1")});
    let known = |viewer: &str| from("only the edge knows", viewer);
    let ada = kai.register_and_login().await;
    for _ in 0..10 {
        let reply = attempt_with(&kai, "203.0.113.1", &known("198.51.100.7"), &ada.email, "wrong").await;
        assert_eq!(reply.status, 401);
    }
    let status =
        async |headers: Value| attempt_with(&kai, "203.0.113.1", &headers, &ada.email, &ada.password).await.status;
    assert_eq!(status(known("198.51.100.7")).await, 429);
    assert_eq!(status(known("198.51.100.8")).await, 200, "by the same edge");
    assert_eq!(status(known("2001:db8::7")).await, 200);

    let bob = kai.register_and_login().await;
    for (number, headers) in
        (0..10).map(|number| (number, from("another edge's key!", &format!("198.51.100.{number}"))))
    {
        let reply = attempt_with(&kai, "203.0.113.1", &headers, &bob.email, "wrong").await;
        assert_eq!(reply.status, 401, "{number}");
    }
    let unbelieved = from("another edge's key!", "198.51.100.99");
    assert_eq!(attempt_with(&kai, "203.0.113.1", &unbelieved, &bob.email, &bob.password).await.status, 429);
    // What CloudFront says, and is no address, is not believed either.
    assert_eq!(attempt_with(&kai, "203.0.113.1", &known("nowhere"), &bob.email, &bob.password).await.status, 429);
}

#[tokio::test]
async fn a_success_takes_the_failures_before_it_back() {
    let kai = kai().await;
    let ada = kai.register_and_login().await;
    for _ in 0..9 {
        assert_eq!(fail(kai, "198.51.100.3", &ada).await, 401);
    }
    assert_eq!(attempt(kai, "198.51.100.3", &ada.email, &ada.password).await.status, 200);
    for _ in 0..10 {
        assert_eq!(fail(kai, "198.51.100.3", &ada).await, 401);
    }
    assert_eq!(fail(kai, "198.51.100.3", &ada).await, 429);
}

#[tokio::test]
async fn an_account_under_attack_from_everywhere_and_a_source_that_attacks_everybody_are_limited() {
    let kai = Kai::start_with(Setup { redis: RedisChoice::Own, ..Setup::default() }).await;
    let (ada, bob) = (kai.register_and_login().await, kai.register_and_login().await);
    let _: () = kai.redis(&redis::cmd("FLUSHALL")).await;
    assert_eq!(fail(&kai, "198.51.100.4", &ada).await, 401);
    // Ninety-nine further failures, without hashing ninety-nine passwords.
    let keys: Vec<String> = kai.redis(redis::cmd("KEYS").arg("login:*")).await;
    let [account, source] = ["login:account:", "login:source:"]
        .map(|kind| keys.iter().find(|key| key.starts_with(kind)).unwrap_or_else(|| panic!("no {kind} in {keys:?}")));
    assert_eq!(keys.len(), 3, "{keys:?}");
    for key in &keys {
        let ttl: i64 = kai.redis(redis::cmd("TTL").arg(key)).await;
        assert!((895..=900).contains(&ttl), "{key} {ttl}");
        assert!(!key.contains(&ada.email) && !key.contains("198.51"), "{key}");
    }

    let _: () = kai.redis(redis::cmd("SET").arg(account).arg(100).arg("KEEPTTL")).await;
    assert_eq!(attempt(&kai, "198.51.100.5", &ada.email, &ada.password).await.status, 429, "the account");
    assert_eq!(attempt(&kai, "198.51.100.5", &bob.email, &bob.password).await.status, 200, "another account");
    let _: () = kai.redis(redis::cmd("DEL").arg(account)).await;
    let _: () = kai.redis(redis::cmd("SET").arg(source).arg(100).arg("KEEPTTL")).await;
    assert_eq!(attempt(&kai, "198.51.100.4", &bob.email, &bob.password).await.status, 429, "the source");
    assert_eq!(attempt(&kai, "198.51.100.6", &bob.email, &bob.password).await.status, 200, "another source");
}
