//! `cargo xtask stress`: finds flaky tests.
//!
//! The command runs each test binary many times, while busy loops keep the processors occupied. A
//! test that depends on timing then fails sooner or later.

mod busy_loops;
mod failures;
mod test_binary;

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use self::busy_loops::BusyLoops;
use self::failures::Failures;
use self::test_binary::TestBinary;
use crate::libtest::TestResults;
use crate::servers::Servers;
use crate::terminal::{self, seconds};
use crate::workspace::Workspace;
use crate::{process, test};

/// The name of the command, and of its folder under `target/`.
const NAME: &str = "stress";

/// Options of `cargo xtask stress`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Number of runs of each test binary.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    times: u32,
    /// Number of busy loops. Each of them keeps one processor occupied.
    #[arg(long, default_value_t = 2)]
    busy_loops: u16,
    /// Arguments for `cargo test`, which gets `--workspace` unless they name packages. Put a filter
    /// of test names after a second `--`, as in `-- -p emulator -- timeout`. Documentation tests do
    /// not run.
    #[arg(last = true)]
    cargo: Vec<String>,
}

pub(crate) async fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut failures = Failures::default();
    let code =
        test::with_servers(workspace, NAME, async |servers| repeat(workspace, servers, arguments, &mut failures).await);
    let code = code.await;
    // The failures are also printed after a request to stop, so that the user sees the results so
    // far.
    print!("{failures}");
    code
}

/// Builds the test binaries, and runs each of them as many times as the arguments specify.
async fn repeat(
    workspace: &Workspace,
    servers: &Servers,
    arguments: &Arguments,
    failures: &mut Failures,
) -> Result<ExitCode> {
    let mut parts = arguments.cargo.splitn(2, |argument| argument == "--");
    let (cargo, harness) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let variables = test::prepare(workspace, NAME, servers, cargo).await?;
    let (tests, logs) = (workspace.state(NAME).join("tests"), workspace.state(NAME).join("logs"));
    recreate(&tests)?;
    recreate(&logs)?;
    let binaries = test_binary::build(workspace, cargo, &tests).await?;
    if binaries.is_empty() {
        bail!("cargo built no test binaries");
    }

    let _busy_loops = BusyLoops::start(arguments.busy_loops);
    let total = u64::from(arguments.times) * binaries.len() as u64;
    let bar = terminal::progress_bar(total, "{bar:40} {msg} {pos}/{len} ({eta})");
    for round in 1..=arguments.times {
        for binary in &binaries {
            let title = format!("round {round} of {}: {}", arguments.times, binary.selection);
            bar.set_message(title.clone());
            let log = logs.join(format!("{}.{round}.log", binary.name()));
            let began = Instant::now();
            let results = run_once(binary, harness, &variables, &log).await?;
            failures.add(&binary.selection, &results.failures);
            bar.inc(1);
            let passed = results.failures.is_empty();
            if passed {
                fs::remove_file(&log)?;
            }
            // Without a terminal the bar is hidden, and lines show the progress instead.
            let shows_run = bar.is_hidden() || !passed;
            bar.suspend(|| {
                if shows_run {
                    println!("{} {title} ({})", if passed { '✓' } else { '✗' }, seconds(began.elapsed()));
                }
                for failure in &results.failures {
                    println!("  {}, see {}", failure.test, log.display());
                }
            });
        }
    }
    bar.finish_and_clear();
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs a test binary once, and writes its output to `log`.
async fn run_once(
    binary: &TestBinary,
    harness_arguments: &[String],
    variables: &[(&str, OsString)],
    log: &Path,
) -> Result<TestResults> {
    let output = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
    let mut command = Command::new(&binary.executable);
    command.args(harness_arguments).envs(variables.iter().map(|(name, value)| (name, value)));
    // `cargo test` sets the same folder and variable.
    command.current_dir(&binary.package_folder).env("CARGO_MANIFEST_DIR", &binary.package_folder);
    let status = process::complete(command.stdout(output.try_clone()?).stderr(output)).await?;
    let mut results = TestResults::default();
    if !status.success() {
        let output = fs::read(log).with_context(|| format!("cannot read {}", log.display()))?;
        String::from_utf8_lossy(&output).lines().for_each(|line| results.parse_line(line));
        results.end_failed_binary(&binary.selection);
    }
    Ok(results)
}

/// Creates an empty folder.
fn recreate(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))
}
