//! A headless browser, which is controlled over the `DevTools` protocol.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dev_servers::Browser as Process;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// The time limit for everything in a browser, on a machine that also runs other tests.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A page in its own browser, and the events on the page.
pub struct Browser {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    last_id: u64,
    /// The URL of every request of the page.
    pub requests: Vec<String>,
    /// The errors, warnings and exceptions of the page and the browser.
    pub problems: Vec<String>,
    _process: Process,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser with a page that is `width` pixels wide.
    pub async fn start(width: u32) -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder can be created");
        let process = Process::start(profile.path()).expect("the browser starts");
        let (socket, _) = connect_async(process.url()).await.expect("the browser accepts connections");
        let (requests, problems) = (Vec::new(), Vec::new());
        let mut browser = Self {
            socket,
            session: String::new(),
            last_id: 0,
            requests,
            problems,
            _process: process,
            _profile: profile,
        };
        let target = browser.call("Target.createTarget", json!({"url": "about:blank"})).await;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let session = browser.call("Target.attachToTarget", attach).await;
        browser.session = session["sessionId"].as_str().expect("the browser returns a session").to_owned();
        for domain in ["Network.enable", "Runtime.enable", "Log.enable", "Page.enable"] {
            browser.call(domain, json!({})).await;
        }
        let screen = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 640});
        browser.call("Emulation.setDeviceMetricsOverride", screen).await;
        browser
    }

    /// Emulates a user who prefers dark colours, from now on.
    pub async fn prefer_dark(&mut self) {
        let features = json!([{"name": "prefers-color-scheme", "value": "dark"}]);
        self.call("Emulation.setEmulatedMedia", json!({"features": features})).await;
    }

    /// Presses a key, for example `Tab`.
    pub async fn press(&mut self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            _ => 0,
        };
        let text = if key == "Enter" { "\r" } else { "" };
        for kind in ["keyDown", "keyUp"] {
            let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": if kind == "keyDown" { text } else { "" }});
            self.call("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Returns a screenshot of the whole page, as a PNG file.
    pub async fn screenshot(&mut self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true})).await;
        STANDARD
            .decode(shot["data"].as_str().expect("the browser returns a screenshot"))
            .expect("the screenshot is base64")
    }

    /// Opens a URL in the page.
    pub async fn open(&mut self, url: &str) {
        let opened = self.call("Page.navigate", json!({"url": url})).await;
        assert!(opened.get("errorText").is_none(), "{opened}");
    }

    /// Evaluates a JavaScript expression.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        let evaluated = self.call("Runtime.evaluate", json!({"expression": expression, "returnByValue": true})).await;
        assert!(evaluated.get("exceptionDetails").is_none(), "{expression}: {evaluated}");
        evaluated["result"]["value"].clone()
    }

    /// Waits until a JavaScript expression is true.
    pub async fn wait_for(&mut self, expression: &str) {
        let started = Instant::now();
        while self.evaluate(expression).await != true {
            assert!(started.elapsed() < TIMEOUT, "not true in time: {expression}; problems: {:?}", self.problems);
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Calls a method and records the events until its result.
    async fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.last_id += 1;
        let mut command = json!({"id": self.last_id, "method": method, "params": parameters});
        if !self.session.is_empty() {
            command["sessionId"] = self.session.as_str().into();
        }
        self.socket.send(Message::text(command.to_string())).await.expect("the browser accepts the command");
        loop {
            let message = timeout(TIMEOUT, self.socket.next()).await.expect("the browser responds in time");
            let Message::Text(text) =
                message.expect("the connection to the browser is open").expect("the message is valid")
            else {
                continue;
            };
            let message: Value = serde_json::from_str(&text).expect("the message is JSON");
            if message["id"] == self.last_id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.record(&message);
        }
    }

    fn record(&mut self, event: &Value) {
        let parameters = &event["params"];
        let is_problem = match event["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                self.requests.push(parameters["request"]["url"].as_str().expect("the event contains a URL").to_owned());
                false
            }
            Some("Runtime.consoleAPICalled") => {
                ["error", "warning", "assert"].iter().any(|kind| parameters["type"] == *kind)
            }
            Some("Log.entryAdded") => ["error", "warning"].iter().any(|level| parameters["entry"]["level"] == *level),
            Some("Runtime.exceptionThrown") => true,
            _ => false,
        };
        if is_problem {
            self.problems.push(parameters.to_string());
        }
    }
}
