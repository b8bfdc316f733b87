//! Emulators with small templates, and a client that sends exactly the bytes it is given.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use emulator::{Emulator, LogBuffer, Options, Template};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One function on the fixture, on every path.
pub(crate) const EVERYWHERE: &str = "
  Fixture:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      Timeout: 10
      Events: {All: {Type: HttpApi}}
";

pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) logs: LogBuffer,
}

/// Where `cargo test` puts the example programs that serve as functions.
pub(crate) fn binaries() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let examples = test.parent().unwrap().parent().unwrap().join("examples");
    assert!(examples.join("fixture").is_file(), "the fixture is an example: run `cargo test -p emulator`");
    examples
}

/// Reads a template with these resources, indented by two.
pub(crate) fn template(resources: &str) -> emulator::Result<Template> {
    whole_template(&format!("Resources:{resources}"))
}

pub(crate) fn whole_template(text: &str) -> emulator::Result<Template> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.yaml");
    std::fs::write(&path, text).unwrap();
    Template::read(&path)
}

pub(crate) async fn start(resources: &str) -> World {
    start_with(resources, |_| {}).await
}

pub(crate) async fn start_with(resources: &str, change: impl FnOnce(&mut Options)) -> World {
    let logs = LogBuffer::default();
    let mut options = Options {
        template: template(resources).unwrap(),
        binaries: binaries(),
        logs: logs.sink(),
        ..Options::default()
    };
    change(&mut options);
    World { emulator: Emulator::start(options).await.unwrap(), logs }
}

impl World {
    pub(crate) async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        send(self.emulator.address(), method, target, headers, body).await
    }

    /// A GET whose orders to the fixture are these.
    pub(crate) async fn order(&self, orders: &Value) -> Answer {
        self.send("GET", "/", &[("x-fixture", &orders.to_string())], b"").await
    }

    /// An invocation of the fixture, as JSON.
    pub(crate) async fn invoke(&self, orders: &Value) -> Value {
        let event = serde_json::json!({"fixture": orders}).to_string();
        serde_json::from_slice(&self.emulator.invoke("fixture", event).await.unwrap()).unwrap()
    }

    /// The next log line that begins so.
    pub(crate) async fn line(&self, start: &str) -> String {
        let found = self.logs.find(|line| line.text.starts_with(start));
        within(found).await.text
    }
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} comes once");
        value
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{} {}", self.status, self.text()))
    }
}

pub(crate) async fn send(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: api.example.org\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    parse(&received)
}

fn parse(received: &[u8]) -> Answer {
    let end = received.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
    let head = String::from_utf8(received[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: received[end + 4..].to_vec() }
}

/// Whether a process is there, and in which state (`T` is stopped).
pub(crate) fn process_state(pid: u32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let state = stat.rsplit_once(')')?.1.trim_start().chars().next()?;
    (state != 'Z').then_some(state)
}

pub(crate) async fn gone(pid: u32) {
    within(async {
        while process_state(pid).is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Nothing here takes this long, unless it hangs.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("it hangs")
}

pub(crate) fn folder_of(path: &Path) -> &str {
    path.parent().unwrap().to_str().unwrap()
}
