use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::{EVERYWHERE, binaries, gone, send};

fn emulator(folder: &Path) -> Command {
    let template: PathBuf = folder.join("template.yaml");
    std::fs::write(
        &template,
        format!(
            "Resources:{}",
            EVERYWHERE.replace("Timeout: 10", "Timeout: 10\n      Environment: {Variables: {GREETING: !Ref X}}")
        ),
    )
    .unwrap();
    Command::new(env!("CARGO_BIN_EXE_emulator"))
}

fn serve(folder: &Path) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut command = emulator(folder);
    command
        .args(["--listen", "127.0.0.1:0", "--env", "GREETING=hello", "--template"])
        .arg(folder.join("template.yaml"));
    let mut child = command.arg("--binaries").arg(binaries()).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    (child, lines)
}

#[tokio::test]
async fn it_serves_until_it_is_interrupted_and_leaves_nothing_behind() {
    for signal in ["-INT", "-TERM"] {
        let folder = tempfile::tempdir().unwrap();
        let (mut child, mut lines) = serve(folder.path());
        let first = lines.next().unwrap();
        let address = first.strip_prefix("Serving on http://").unwrap().parse().unwrap();
        assert_eq!(lines.next().unwrap(), "  fixture  $default");
        let orders = json!({"count": true, "print": ["a line"]}).to_string();
        let answer = send(address, "GET", "/", &[("x-fixture", &orders)], b"").await;
        let pid = answer.json()["pid"].as_u64().unwrap() as u32;
        assert!(lines.next().unwrap().starts_with("fixture | START RequestId: "));
        assert_eq!(lines.next().unwrap(), "fixture | a line");
        Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
        assert!(child.wait().unwrap().success());
        gone(pid).await;
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn no_function_outlives_an_emulator_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, mut lines) = serve(folder.path());
    let address = lines.next().unwrap().strip_prefix("Serving on http://").unwrap().parse().unwrap();
    let answer = send(address, "GET", "/", &[("x-fixture", r#"{"count":true}"#)], b"").await;
    let pid = answer.json()["pid"].as_u64().unwrap() as u32;
    // One that runs, because the kernel itself hangs up on stopped programs whose parent is gone.
    let working = send(address, "GET", "/", &[("x-fixture", r#"{"sleep":60000}"#)], b"");
    let _ = tokio::time::timeout(Duration::from_millis(300), working).await;
    child.kill().unwrap();
    child.wait().unwrap();
    gone(pid).await;
}

#[test]
fn it_invokes_one_function_and_prints_its_result_alone() {
    let folder = tempfile::tempdir().unwrap();
    let variables = folder.path().join("env.json");
    std::fs::write(&variables, r#"{"Fixture": {"GREETING": "own"}, "Parameters": {"GREETING": "shared"}}"#).unwrap();
    let run = |event: &str, extra: &[&str]| {
        let mut command = emulator(folder.path());
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
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap()["variables"]["GREETING"], "own");

    let (success, out, _) = run(r#"{"fixture":{"fail":"words"}}"#, &env_file);
    assert!(!success);
    assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap()["errorMessage"], "words");

    let (success, _, error) = run("{}", &[]);
    assert!(!success);
    assert!(error.contains("error: Fixture: Environment.Variables.GREETING: !Ref X has no value"), "{error}");

    std::fs::write(&variables, r#"{"Fixture": {"GREETING": ["secret"]}}"#).unwrap();
    let (success, _, error) = run("{}", &env_file);
    assert!(!success && error.contains("a JSON object of objects of strings is expected") && !error.contains("secret"));
}
