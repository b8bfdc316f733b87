//! Tests of the command `emulator`.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::client::send;
use crate::test_emulator::{CATCH_ALL, binaries};
use crate::wait::{wait_until_gone, with_timeout};

/// Writes a template to the directory and returns the command.
fn command(folder: &Path) -> Command {
    let template = folder.join("template.yaml");
    fs::write(
        &template,
        format!(
            "Resources:{}",
            CATCH_ALL.replace("Timeout: 10", "Timeout: 10\n      Environment: {Variables: {GREETING: !Ref X}}")
        ),
    )
    .unwrap();
    Command::new(env!("CARGO_BIN_EXE_emulator"))
}

/// Starts an emulator and returns it with the lines that it prints.
fn serve(folder: &Path) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut command = command(folder);
    command
        .args(["--listen", "127.0.0.1:0", "--env", "GREETING=hello", "--template"])
        .arg(folder.join("template.yaml"));
    let mut child = command.arg("--binaries").arg(binaries()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    (child, lines)
}

#[tokio::test]
async fn the_emulator_serves_until_a_signal_ends_it_and_its_processes() {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, mut lines) = serve(folder.path());
        let first = lines.next().unwrap();
        let address = first.strip_prefix("Serving on http://").unwrap().parse().unwrap();
        assert_eq!(lines.next().unwrap(), "  fixture  $default");
        let instructions = json!({"count": true, "print": ["a line"]}).to_string();
        let response = send(address, "GET", "/", &[("x-fixture", &instructions)], b"").await;
        let pid = response.json()["pid"].as_u64().unwrap() as u32;
        assert!(lines.next().unwrap().starts_with("fixture | START RequestId: "));
        assert_eq!(lines.next().unwrap(), "fixture | a line");
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(child.wait().unwrap().success());
        wait_until_gone(pid).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_function_outlives_a_killed_emulator() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, mut lines) = serve(folder.path());
    let address = lines.next().unwrap().strip_prefix("Serving on http://").unwrap().parse().unwrap();
    let response = send(address, "GET", "/", &[("x-fixture", r#"{"count":true}"#)], b"").await;
    let pid = response.json()["pid"].as_u64().unwrap() as u32;
    // The environment is frozen after the report. The kernel itself ends stopped programs whose
    // parent has exited, so the test kills the emulator while the program runs.
    lines.find(|line| line.starts_with("fixture | REPORT")).unwrap();
    let instructions = json!({"print": ["working"], "sleep": 60_000}).to_string();
    let headers = [("x-fixture", instructions.as_str())];
    let is_working = spawn_blocking(move || lines.any(|line| line == "fixture | working"));
    tokio::select! {
        _ = send(address, "GET", "/", &headers, b"") => panic!("the function responded instead of sleeping"),
        is_working = with_timeout(is_working) => assert!(is_working.unwrap()),
    }
    child.kill().unwrap();
    child.wait().unwrap();
    wait_until_gone(pid).await;
}

#[test]
fn invoke_prints_only_the_result_of_the_function() {
    let folder = tempfile::tempdir().unwrap();
    let variables = folder.path().join("env.json");
    fs::write(&variables, r#"{"Fixture": {"GREETING": "own"}, "Parameters": {"GREETING": "shared"}}"#).unwrap();
    let run = |event: &str, extra: &[&str]| {
        let mut command = command(folder.path());
        command.args(["invoke", "fixture", "--event", "-", "--template"]).arg(folder.path().join("template.yaml"));
        command.arg("--binaries").arg(binaries()).args(extra);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(event.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let env_file = ["--env-file", variables.to_str().unwrap()];
    let (success, out, error) = run(r#"{"fixture":{"describe":true,"print":["noise"]}}"#, &env_file);
    assert!(success && error.contains("noise") && error.contains("REPORT RequestId"), "{error}");
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["variables"]["GREETING"], "own");

    let (success, out, _) = run(r#"{"fixture":{"fail":"words"}}"#, &env_file);
    assert!(!success);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["errorMessage"], "words");

    let (success, _, error) = run("{}", &[]);
    assert!(!success);
    assert!(error.contains("error: Fixture: Environment.Variables.GREETING: !Ref X has no value"), "{error}");

    fs::write(&variables, r#"{"Fixture": {"GREETING": ["secret"]}}"#).unwrap();
    let (success, _, error) = run("{}", &env_file);
    assert!(!success && error.contains("expected a JSON object of objects of strings") && !error.contains("secret"));
}
