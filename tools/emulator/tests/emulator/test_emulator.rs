//! Emulators with small templates whose functions run the fixture.

use std::fs;
use std::path::{Path, PathBuf};

use emulator::{Emulator, LogBuffer, LogLine, Options, Template};
use serde_json::{Value, json};

use crate::client::{Response, send};
use crate::wait::{wait_until, with_timeout};

/// A function that runs the fixture and handles every path.
pub(crate) const CATCH_ALL: &str = "
  Fixture:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      Timeout: 10
      Events: {All: {Type: HttpApi}}
";

/// Returns a function that runs the fixture, with a timeout in seconds and an instruction for its
/// start.
pub(crate) fn fixture(timeout: u32, init: &str) -> String {
    format!(
        "
  Fixture:
    Type: AWS::Serverless::Function
    Metadata: {{BuildProperties: {{Binary: fixture}}}}
    Properties:
      Timeout: {timeout}
      Environment: {{Variables: {{FIXTURE_INIT: '{init}'}}}}
      Events: {{All: {{Type: HttpApi}}}}
"
    )
}

pub(crate) struct TestEmulator {
    pub(crate) emulator: Emulator,
    pub(crate) logs: LogBuffer,
}

/// Starts an emulator with these resources.
pub(crate) async fn start(resources: &str) -> TestEmulator {
    start_with(resources, |_| {}).await
}

/// Starts an emulator with these resources and with options that `change` has changed.
pub(crate) async fn start_with(resources: &str, change: impl FnOnce(&mut Options)) -> TestEmulator {
    let logs = LogBuffer::default();
    let mut options = Options {
        template: template(resources).unwrap(),
        binaries: binaries(),
        logs: logs.sink(),
        ..Options::default()
    };
    change(&mut options);
    TestEmulator { emulator: Emulator::start(options).await.unwrap(), logs }
}

impl TestEmulator {
    /// Sends a request to the HTTP API.
    pub(crate) async fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        send(self.emulator.address(), method, target, headers, body).await
    }

    /// Sends a GET request with instructions for the fixture.
    pub(crate) async fn get(&self, instructions: &Value) -> Response {
        self.send("GET", "/", &[("x-fixture", &instructions.to_string())], b"").await
    }

    /// Invokes the fixture with instructions, and returns its result as JSON.
    pub(crate) async fn invoke(&self, instructions: &Value) -> Value {
        let event = json!({"fixture": instructions}).to_string();
        serde_json::from_slice(&self.emulator.invoke("fixture", event).await.unwrap()).unwrap()
    }

    /// Waits for the first log line that begins with the prefix.
    pub(crate) async fn line(&self, prefix: &str) -> String {
        self.find_line(|line| line.text.starts_with(prefix)).await.text
    }

    /// Waits for the first log line that satisfies the predicate.
    pub(crate) async fn find_line(&self, predicate: impl Fn(&LogLine) -> bool) -> LogLine {
        with_timeout(self.logs.find(predicate)).await
    }

    /// Waits until `count` events have been dispatched to the running environments.
    pub(crate) async fn dispatched(&self, count: u64) {
        wait_until(|| self.dispatch_count() >= count).await;
    }

    /// Returns the number of events that have been dispatched to the running environments.
    pub(crate) fn dispatch_count(&self) -> u64 {
        self.emulator.environments().iter().map(|environment| environment.invocations).sum()
    }
}

/// Parses a template with these resources, which are indented by two spaces.
pub(crate) fn template(resources: &str) -> emulator::Result<Template> {
    whole_template(&format!("Resources:{resources}"))
}

/// Parses the text of a template.
pub(crate) fn whole_template(text: &str) -> emulator::Result<Template> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.yaml");
    fs::write(&path, text).unwrap();
    Template::read(&path)
}

/// Returns the folder of the examples that serve as functions. Cargo puts it next to the command
/// `emulator`, in the target directory. The test itself may be in a separate build directory.
pub(crate) fn binaries() -> PathBuf {
    let examples = Path::new(env!("CARGO_BIN_EXE_emulator")).with_file_name("examples");
    for name in ["fixture", "runtime"] {
        // Cargo does not build examples if its arguments name a test or a target.
        assert!(
            examples.join(name).is_file(),
            "the example {name} is missing: run `cargo build -p emulator --examples` with the same profile"
        );
    }
    examples
}
