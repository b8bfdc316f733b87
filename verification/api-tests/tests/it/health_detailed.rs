//! `GET` and `DELETE /health/detailed`.

use api_tests::{Kai, Model, RedisChoice, Script, Setup};
use serde_json::{Value, json};

const PATH: &str = "/health/detailed";

async fn start(variables: Vec<(&'static str, String)>) -> Kai {
    Kai::start_with(Setup { variables, redis: RedisChoice::Own, delivers_logs: true, ..Setup::default() }).await
}

#[tokio::test]
async fn an_operator_sees_everything_and_anybody_else_what_health_tells() {
    let key = "an operator's key";
    let kai = start(vec![("OPERATOR_KEY", key.to_owned())]).await;
    let ada = kai.settle().await;
    ada.list().await;
    kai.emulator.delivered().await;

    let told = kai.anonymous().get(PATH).header("authorization", format!("Bearer {key}")).await;
    assert_eq!((told.header("cache-control"), told.header("x-cache")), (Some("no-store"), None));
    let told = told.good();
    assert_eq!((&told["status"], &told["version"]), (&json!("healthy"), &json!(env!("CARGO_PKG_VERSION"))));
    for dependency in ["database", "redis", "llm"] {
        assert_eq!(told[dependency]["status"], "healthy", "{told}");
        assert!(
            told[dependency]["response_time_ms"].as_f64().is_some_and(|time| (0.0..1000.0).contains(&time)),
            "{told}"
        );
    }
    assert_eq!(told["llm"]["model"], "built-in");
    assert_eq!((&told["performance"]["window_seconds"], &told["performance"]["count"]), (&json!(900), &json!(1)));

    let health = kai.anonymous().get("/health").await.good();
    for shown in [None, Some("Bearer another key".to_owned()), Some(format!("Basic {key}")), Some("Bearer ".to_owned())]
    {
        let request = kai.anonymous().get(PATH);
        let request = if let Some(shown) = &shown { request.header("authorization", shown) } else { request };
        assert_eq!(request.await.good(), health, "{shown:?}");
    }
    assert_eq!(ada.get(PATH).await.good(), health, "whoever is signed in is no operator");
    for client in [kai.anonymous(), kai.anonymous().with_token("another-key")] {
        client.request("DELETE", PATH).await.expect_problem(401, "unauthenticated");
    }
    let text = format!("{:?}", kai.logs.lines());
    assert!(!text.contains(key), "the key is in a log");
}

#[tokio::test]
async fn without_a_key_nobody_is_an_operator_and_a_star_makes_everybody_one() {
    for (key, is_operator) in [("*", true), ("", false)] {
        let kai = start(vec![("OPERATOR_KEY", key.to_owned())]).await;
        for shown in ["", "*", "another key"] {
            let told = kai.anonymous().get(PATH).header("authorization", format!("Bearer {shown}")).await.good();
            assert_eq!(told["performance"].is_object(), is_operator, "{key:?} {shown:?}");
        }
    }
}

#[tokio::test]
async fn what_is_away_is_told_and_the_answer_comes_all_the_same() {
    let model = Model::start();
    let kai = Kai::start_with(Setup {
        variables: model.variables(),
        redis: RedisChoice::Own,
        proxied: true,
        ..Setup::default()
    })
    .await;
    let statuses = |told: &Value| {
        ["database", "redis", "llm"].map(|name| told[name]["status"].as_str().unwrap_or_default().to_owned())
    };
    let ask = async || {
        // An environment asks at most once a second.
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
        kai.anonymous().get(PATH).await
    };
    let well = ask().await;
    assert_eq!((well.status, well.json()["status"].clone()), (200, json!("healthy")));
    assert_eq!(well.json()["llm"]["model"], "scripted");

    model.play(Script::Status(500));
    let told = ask().await;
    assert_eq!((told.status, told.json()["status"].clone()), (200, json!("degraded")));
    assert_eq!(statuses(&told.json()), ["healthy", "healthy", "unhealthy"]);
    model.play(Script::Status(404));
    assert_eq!(ask().await.json()["status"], "healthy", "a server need not list its models");

    kai.redis_proxy.as_ref().unwrap().refuse().await;
    let told = ask().await;
    assert_eq!((told.status, told.json()["status"].clone()), (200, json!("degraded")));
    assert_eq!(statuses(&told.json()), ["healthy", "unhealthy", "healthy"]);

    kai.postgres_proxy.as_ref().unwrap().refuse().await;
    let told = ask().await;
    assert_eq!((told.status, told.json()["status"].clone()), (503, json!("unhealthy")));
    assert_eq!(statuses(&told.json()), ["unhealthy", "unhealthy", "healthy"]);
    assert_eq!(told.header("retry-after"), Some("2"));
}

#[tokio::test]
async fn an_environment_asks_at_most_once_a_second() {
    let model = Model::start();
    let kai = Kai::start_with(Setup { variables: model.variables(), environments: 1, ..Setup::default() }).await;
    let began = std::time::Instant::now();
    for _ in 0..20 {
        kai.anonymous().get(PATH).await.good();
    }
    let (asked, seconds) = (model.take().len() as u64, began.elapsed().as_secs());
    assert!((1..=seconds + 1).contains(&asked), "{asked} times in {seconds} s");
    assert!(asked < 20);
}

#[tokio::test]
async fn a_window_has_its_rule() {
    let kai = Kai::shared().await;
    // Of over six hours the first is a full one.
    for (window, seconds) in [("1m", 60..=60), ("90m", 5400..=5400), ("24h", 86_400..=89_940)] {
        let told = kai.anonymous().get(format!("{PATH}?window={window}")).await.good();
        let told = told["performance"]["window_seconds"].as_i64().unwrap();
        assert!(seconds.contains(&told), "{window}: {told}");
    }
    for window in ["", "0m", "25h", "soon", "15"] {
        let reply = kai.anonymous().get(format!("{PATH}?window={window}")).await;
        let problem = reply.expect_problem(422, "invalid_fields");
        assert_eq!(problem["errors"][0]["field"], "window", "{problem}");
    }
}

#[tokio::test]
async fn the_figures_can_be_forgotten() {
    let kai = start(Vec::new()).await;
    let ada = kai.settle().await;
    ada.list().await;
    ada.list().await;
    assert_eq!(kai.performance("15m").await["endpoints"]["GET /api/journal/entries"]["count"], 2);
    let reply = kai.anonymous().request("DELETE", PATH).await;
    assert_eq!((reply.status, reply.body.len()), (204, 0));
    let told = kai.performance("15m").await;
    assert!(told["endpoints"].get("GET /api/journal/entries").is_none(), "{told}");
    ada.list().await;
    assert_eq!(kai.performance("15m").await["endpoints"]["GET /api/journal/entries"]["count"], 1);
}
