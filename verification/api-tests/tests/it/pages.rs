//! Runs the shell blocks of README.md and docs/api.md as a reader would paste them.

use std::process::Command;

use api_tests::{Setup, TestApp};

const KEY: &str = "an-operators-key";

/// Prints the status of every request to stderr. The blocks show the responses on stdout.
const REPORT_STATUS: &str = r#"curl() { command curl "$@" -w '%{stderr}%{http_code} %{method} %{url}\n'; }"#;

/// Returns the shell blocks of a page.
fn blocks(page: &str) -> Vec<String> {
    let path = format!("{}/../../{page}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap();
    let blocks = text.split("\n```sh\n").skip(1).map(|rest| rest.split_once("\n```").unwrap().0.to_owned());
    blocks.collect()
}

/// Runs blocks in one shell. Returns the statuses of the requests with their methods and URLs.
async fn run(app: &TestApp, blocks: &[String]) -> Vec<(u16, String)> {
    let script = format!("{REPORT_STATUS}\n{}", blocks.join("\n"));
    let url = app.emulator.url();
    let shell = move || {
        let shell = Command::new("sh").args(["-euc", &script]).env("API", url).env("OPERATOR_KEY", KEY).output();
        shell.unwrap()
    };
    let output = tokio::task::spawn_blocking(shell).await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    let statuses = errors.lines().map(|line| {
        let (status, request) = line.split_once(' ').unwrap();
        (status.parse().unwrap_or_else(|_| panic!("{line}")), request.to_owned())
    });
    statuses.collect()
}

async fn start() -> TestApp {
    let variables = vec![("OPERATOR_KEY", KEY.to_owned())];
    TestApp::start_with(Setup { variables, ..Setup::default() }).await
}

#[tokio::test]
async fn the_first_request_of_the_readme_can_be_pasted() {
    let blocks = blocks("README.md");
    let (api, others): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|block| block.contains("$API"));
    assert!(
        others.iter().all(|block| block.starts_with("pip install ")),
        "a block is neither run nor known: {others:?}"
    );
    let statuses = run(&start().await, &api).await;
    assert_eq!(statuses.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [201, 200, 201, 200, 200]);
}

#[tokio::test]
async fn every_request_of_the_page_about_the_api_can_be_pasted() {
    let statuses = run(&start().await, &blocks("docs/api.md")).await;
    assert!(statuses.len() >= 30, "{statuses:?}");
    let unusual: Vec<_> = statuses.iter().filter(|(status, _)| !(200..300).contains(status)).collect();
    // The page shows one change of an outdated version, and one copy that is still current.
    assert_eq!(unusual.iter().map(|(status, _)| *status).collect::<Vec<_>>(), [412, 304], "{unusual:?}");
}
