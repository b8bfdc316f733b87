//! Tests of `GET /dashboard`: the statistics, the operator key and accessibility.

use api_tests::{Browser, ModelResponse, Setup, StubModel, TestApp};
use serde_json::{Value, json};

const KEY: &str = "an-operators-key";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ColorScheme {
    Light,
    Dark,
}

/// Starts a system with some traffic. Returns the number of hits among seven list requests in the
/// format of the dashboard.
async fn start(key: &str) -> (TestApp, StubModel, String) {
    let model = StubModel::start();
    let mut variables = model.variables();
    variables.push(("OPERATOR_KEY", key.to_owned()));
    // With this threshold, every statement counts as slow.
    variables.push(("SLOW_QUERY_THRESHOLD", "0.000001".to_owned()));
    let app = TestApp::start_with(Setup { variables, delivers_logs: true, ..Setup::default() }).await;
    let ada = app.new_user().await;
    // A request is a hit or a miss. If Redis is late on a busy machine, it is neither.
    let (mut hits, mut lookups) = (0, 0);
    for _ in 0..7 {
        let list = ada.list_entries().await;
        hits += usize::from(list.cache_status() == "hit");
        lookups += usize::from(list.cache_status() != "bypass");
    }
    ada.get(ada.profile_path()).await.expect_success();
    app.emulator.delivered().await;
    (app, model, format!("{hits} of {lookups}"))
}

/// Opens the dashboard in a page that is `width` pixels wide.
async fn open(app: &TestApp, width: u32, scheme: ColorScheme) -> Browser {
    let mut browser = Browser::start(width).await;
    if scheme == ColorScheme::Dark {
        browser.prefer_dark().await;
    }
    browser.open(&format!("{}/dashboard", app.emulator.url())).await;
    browser.wait_for("document.readyState === 'complete'").await;
    browser
}

/// Returns the visible text of an element.
async fn text(browser: &mut Browser, selector: &str) -> String {
    browser
        .evaluate(&format!("document.querySelector('{selector}').innerText"))
        .await
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// A condition in JavaScript: the page shows that the service is healthy.
const HEALTHY: &str = "document.querySelector('#status').innerText === '✓ Healthy'";
/// A condition in JavaScript: the page shows statistics.
const SHOWN: &str =
    "!document.querySelector('#figures').hidden && document.querySelectorAll('#endpoints tbody tr').length > 0";

#[tokio::test]
async fn the_dashboard_shows_the_counted_requests_and_contacts_no_other_host() {
    let (app, _, hits) = start("*").await;
    for width in [1280, 390, 320] {
        let mut browser = open(&app, width, ColorScheme::Light).await;
        browser.wait_for(SHOWN).await;
        // On a busy machine, Redis may exceed the time limit of a check. The next check is five
        // seconds later.
        browser.wait_for(HEALTHY).await;
        let list = "[...document.querySelectorAll('#endpoints tbody tr')].find(row => row.innerText.startsWith('GET /api/journal/entries'))";
        assert_eq!(browser.evaluate(&format!("{list}.cells[1].innerText")).await, "7");
        let cache = text(&mut browser, "#cache").await;
        assert!(cache.contains("journal:list") && cache.contains(&hits), "{cache}");
        let slow = text(&mut browser, "#slow").await;
        assert!(slow.contains("journal.page") || slow.contains("journal.list"), "{slow}");
        for chart in ["requests", "latency", "errors"] {
            let label = browser
                .evaluate(&format!("document.querySelector('#{chart} svg[role=img]').getAttribute('aria-label')"))
                .await;
            assert!(label.as_str().is_some_and(|label| label.contains("the last 15 minutes")), "{label}");
            let rows = format!("document.querySelectorAll('#{chart} details tbody tr').length");
            assert_eq!(browser.evaluate(&rows).await, 15, "the table contains the same minutes as the chart");
        }
        assert_eq!(
            browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth").await,
            true,
            "{width}"
        );
        assert_eq!(browser.problems, [""; 0]);
        let host = app.emulator.url();
        assert!(
            browser.requests.iter().all(|url| url.starts_with(&host) || url.starts_with("data:")),
            "{:?}",
            browser.requests
        );
    }
}

#[tokio::test]
async fn the_dashboard_refreshes_itself_and_can_be_paused() {
    let (app, model, _) = start("*").await;
    let mut browser = open(&app, 1280, ColorScheme::Light).await;
    browser.wait_for(SHOWN).await;
    model.respond_with(ModelResponse::Status(500));
    let model_tile = "[...document.querySelectorAll('#dependencies div')].find(tile => tile.innerText.startsWith('Model')).innerText";
    browser.wait_for(&format!("{model_tile}.includes('✗ down')")).await;
    assert_eq!(text(&mut browser, "#status").await, "! Degraded");

    // A click on a column sorts by this column, and the order is the same after a refresh.
    browser.evaluate("document.querySelector('[data-sort=name]').click()").await;
    let sorted = "document.querySelector('#endpoints th[aria-sort=ascending]')?.innerText.trim() === 'Endpoint ▲'";
    browser.wait_for(sorted).await;
    browser.evaluate("document.querySelector('#window').value = '1h'; document.querySelector('#window').dispatchEvent(new Event('change'))").await;
    browser.wait_for("document.querySelector('#requests svg').getAttribute('aria-label').includes('60 minutes')").await;
    assert_eq!(browser.evaluate(sorted).await, true);

    browser.evaluate("document.querySelector('#pause').click()").await;
    assert_eq!(browser.evaluate("document.querySelector('#pause').textContent").await, "Resume");
    // If the service is down, the page still shows the last data, with the time of the last
    // response.
    app.emulator.shutdown().await;
    browser.evaluate("document.querySelector('#pause').click()").await;
    browser.wait_for("document.querySelector('#status').innerText === '✗ No response'").await;
    assert!(text(&mut browser, "#notice").await.starts_with("There has been no response since "));
    assert_eq!(browser.evaluate(SHOWN).await, true);
}

#[tokio::test]
async fn the_operator_key_is_stored_only_in_the_tab() {
    let (app, _, _) = start(KEY).await;
    let mut browser = open(&app, 1280, ColorScheme::Light).await;
    browser.wait_for("!document.querySelector('#key-form').hidden").await;
    browser.wait_for(HEALTHY).await;
    assert_eq!(browser.evaluate("document.querySelector('#figures').hidden").await, true);
    let enter = |key: &str| {
        format!("document.querySelector('#key').value = '{key}'; document.querySelector('#key-form button').click()")
    };
    browser.evaluate(&enter("another")).await;
    browser
        .wait_for("document.querySelector('#notice').innerText === 'The key is wrong. Enter the operator key.'")
        .await;
    browser.evaluate(&enter(KEY)).await;
    browser.wait_for(SHOWN).await;
    assert_eq!(
        browser.evaluate("[document.querySelector('#key').value, localStorage.length, document.cookie].join()").await,
        ",0,"
    );
    assert!(browser.requests.iter().all(|url| !url.contains(KEY)), "a URL contains the key");
    browser.evaluate("document.querySelector('#forget').click()").await;
    browser.wait_for("!document.querySelector('#key-form').hidden && sessionStorage.length === 0").await;
    assert_eq!(browser.problems, [""; 0]);
}

#[tokio::test]
async fn missing_statistics_are_reported() {
    let unavailable = vec![("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9".to_owned())];
    let app = TestApp::start_with(Setup { variables: unavailable, ..Setup::default() }).await;
    let mut browser = open(&app, 390, ColorScheme::Light).await;
    browser.wait_for("document.querySelector('#notice').innerText.startsWith('The statistics are unavailable')").await;
    assert!(text(&mut browser, "#dependencies").await.contains("Database"));
    assert_eq!(browser.evaluate("document.querySelector('#endpoints-title').checkVisibility()").await, false);

    let idle = TestApp::start().await;
    let mut browser = open(&idle, 390, ColorScheme::Light).await;
    browser.wait_for("document.querySelector('#notice').innerText === 'There were no requests in this window.'").await;
    assert_eq!(browser.problems, [""; 0]);
}

/// A script that measures the contrast between each text and its background as defined by WCAG 2.2,
/// and checks the names of the controls.
const AUDIT: &str = r#"(() => {
    const channel = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    const rgba = (text) => { const [r, g, b, a = 1] = text.match(/[\d.]+/g).map(Number); return { r, g, b, a }; };
    const light = ({ r, g, b }) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const behind = (element) => {
        for (; element; element = element.parentElement) {
            const colour = rgba(getComputedStyle(element).backgroundColor);
            if (colour.a > 0) return colour;
        }
        return { r: 255, g: 255, b: 255 };
    };
    const ratio = (a, b) => { const [low, high] = [light(a), light(b)].sort((x, y) => x - y); return (high + 0.05) / (low + 0.05); };
    const poor = [];
    document.querySelectorAll("details").forEach((details) => { details.open = true; });
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    let seen = 0;
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("script, style, noscript")) continue;
        seen += 1;
        const found = ratio(rgba(getComputedStyle(element).color), behind(element));
        if (found < 4.5) poor.push(`${found.toFixed(2)}: ${walker.currentNode.data.trim()}`);
    }
    for (const shape of document.querySelectorAll("svg .curve, svg .bar")) {
        const style = getComputedStyle(shape);
        const found = ratio(rgba(shape.matches(".curve") ? style.stroke : style.fill), behind(shape.closest("svg").parentElement));
        if (found < 3) poor.push(`${found.toFixed(2)}: ${shape.getAttribute("class")}`);
    }
    const nameless = [...document.querySelectorAll("button, select, input, svg[role=img], [role=region]")]
        .filter((control) => !(control.innerText?.trim() || control.labels?.length || control.ariaLabel || control.getAttribute("aria-labelledby")));
    const levels = [...document.querySelectorAll("h1, h2, h3")].map((heading) => Number(heading.tagName[1]));
    return JSON.stringify({ seen, poor, nameless: nameless.length, levels, ids: document.querySelectorAll("[id]").length
        - new Set([...document.querySelectorAll("[id]")].map((element) => element.id)).size, lang: document.documentElement.lang,
        main: document.querySelectorAll("main").length });
})()"#;

#[tokio::test]
async fn the_dashboard_has_enough_contrast_and_works_by_keyboard() {
    let (app, _, _) = start("*").await;
    for scheme in [ColorScheme::Light, ColorScheme::Dark] {
        let mut browser = open(&app, 1280, scheme).await;
        browser.wait_for(SHOWN).await;
        let background = browser.evaluate("getComputedStyle(document.documentElement).backgroundColor").await;
        assert_eq!(background == "rgb(16, 21, 28)", scheme == ColorScheme::Dark, "{background}");
        let audit: Value = serde_json::from_str(browser.evaluate(AUDIT).await.as_str().unwrap()).unwrap();
        assert_eq!(audit["poor"], json!([]), "{scheme:?}");
        assert!(audit["seen"].as_u64() > Some(100), "{audit}");
        assert_eq!(
            (&audit["nameless"], &audit["ids"], &audit["main"], &audit["lang"]),
            (&json!(0), &json!(0), &json!(1), &json!("en"))
        );
        let levels: Vec<_> = audit["levels"].as_array().unwrap().iter().map(|level| level.as_u64().unwrap()).collect();
        assert!(levels[0] == 1 && levels.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{levels:?}");
    }

    let mut browser = open(&app, 1280, ColorScheme::Light).await;
    browser.wait_for(SHOWN).await;
    // A refresh must not move the focus during the test.
    browser.evaluate("document.querySelector('#pause').click(); document.activeElement.blur()").await;
    let mut reached = Vec::new();
    for _ in 0..40 {
        browser.press("Tab").await;
        let focused = browser
            .evaluate(
                "document.activeElement.id || document.activeElement.dataset.sort || document.activeElement.tagName",
            )
            .await;
        reached.push(focused.as_str().unwrap().to_owned());
        let outline = browser.evaluate("document.activeElement === document.body || getComputedStyle(document.activeElement).outlineStyle !== 'none'").await;
        assert_eq!(outline, true, "the focus is not visible after {reached:?}");
    }
    for control in ["window", "pause", "SUMMARY", "name", "count", "p50", "p95", "p99", "max_time", "error_rate"] {
        assert!(reached.iter().any(|id| id == control), "{control} cannot be reached by keyboard, only {reached:?}");
    }
    browser.evaluate("document.querySelector('[data-sort=p95]').focus()").await;
    browser.press("Enter").await;
    browser.wait_for("document.querySelector('[data-sort=p95]').closest('th').ariaSort === 'descending' && document.activeElement.dataset.sort === 'p95'").await;
}

/// Returns the log lines of one hour of made-up requests. They are the same in every run.
fn lines_of_an_hour() -> Vec<String> {
    let routes = [
        ("GET /api/journal/entries", 40, 2.0, "journal:list"),
        ("GET /api/users/{user_id}/profile", 20, 1.5, "user:profile"),
        ("POST /api/journal/entries", 12, 9.0, "journal:list"),
        ("POST /api/chat", 6, 240.0, "ai:response"),
        ("GET /api/chat/history", 8, 3.0, "conversation"),
        ("POST /api/auth/login", 2, 31.0, "session"),
    ];
    let now = jiff::Timestamp::now().as_millisecond();
    // Knuth's linear congruential generator is sufficiently random for a picture.
    let mut seed = 7_u64;
    let mut random = move || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as f64 / f64::from(1_u32 << 31)
    };
    let mut lines = Vec::new();
    for minute in 0..60_i64 {
        for (endpoint, requests, milliseconds, family) in routes {
            let busy = 1.0 + 0.5 * (minute as f64 / 9.0).sin();
            for _ in 0..(f64::from(requests) * busy) as u32 {
                let latency = milliseconds * (0.6 + 0.5 * random() + 3.0 * random().powi(9));
                let (failed, hit) = (random() < 0.002, random() < if family == "ai:response" { 0.64 } else { 0.9 });
                let line = json!({
                    "_aws": {"Timestamp": now - minute * 60_000, "CloudWatchMetrics": [{"Namespace": "Kai"}]}, "Endpoint": endpoint,
                    "Latency": latency, "Requests": 1, "Errors": u8::from(failed), "ClientErrors": 0, "DbQueries": u8::from(!hit), "SlowQueries": u8::from(lines.len() < 3),
                    "families": {"session": {"hits": 1, "misses": 0}, family: {"hits": u8::from(hit), "misses": u8::from(!hit)}},
                });
                lines.push(line.to_string());
            }
        }
    }
    for (statement, endpoint, milliseconds) in [
        ("journal.filtered", "GET /api/journal/entries", 231),
        ("conversation.context", "POST /api/chat", 118),
        ("insights.read", "GET /api/journal/insights", 164),
    ] {
        let line = json!({"message": "slow query", "statement": statement, "endpoint": endpoint, "duration_ms": milliseconds, "rows": 20});
        lines.push(line.to_string());
    }
    lines
}

/// Writes the screenshots of `docs/`. Run it with `cargo xtask test -- -p api-tests --test it --
/// --ignored screenshots`.
#[tokio::test]
#[ignore = "writes the screenshots of docs/"]
async fn screenshots() {
    let app = TestApp::start().await;
    for (number, lines) in lines_of_an_hour().chunks(1000).enumerate() {
        app.invoke("metrics-rollup", &super::metrics_rollup::event(&format!("hour-{number}"), lines)).await.unwrap();
    }
    for (name, width, scheme) in [("dashboard", 1280, ColorScheme::Light), ("dashboard-phone", 390, ColorScheme::Dark)]
    {
        let mut browser = open(&app, width, scheme).await;
        browser.evaluate("document.querySelector('#window').value = '1h'; document.querySelector('#window').dispatchEvent(new Event('change'))").await;
        browser
            .wait_for("document.querySelector('#requests svg')?.getAttribute('aria-label').includes('60 minutes')")
            .await;
        browser.wait_for(HEALTHY).await;
        let path = format!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/{}.png"), name);
        std::fs::write(path, browser.screenshot().await).unwrap();
    }
}
