//! `cargo xtask ci`: runs every check that a change has to pass, the fastest checks first.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;
use std::{fs, io};

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::python::{Tool, succeed};
use crate::stop::StopRequests;
use crate::terminal::seconds;
use crate::workspace::Workspace;
use crate::{cargo, tidy};

/// SAM's command line, from the Python Package Index. The package includes SAM's translator and the
/// linter for CloudFormation.
const SAM: Tool = Tool { package: "aws-sam-cli", version: "1.170.0", program: "sam" };
/// The region that the tools require. Any region works, because they send no request to AWS.
const REGION: &str = "us-east-1";
/// The template of the stack.
const ROOT: &str = "template.yaml";
/// The folder of the nested stacks' templates.
const NESTED: &str = "infra";
/// The folder of the transformed templates. Each has the path of its source and is JSON.
const TRANSFORMED: &str = "target/python/transformed";
/// The tool that checks templates against best practices. `.checkov.yaml` lists the checks that do
/// not apply to this project, and the reasons.
const CHECKOV: Tool = Tool { package: "checkov", version: "3.3.30", program: "checkov" };
/// The tokens that `botocore` generates. The tests compare the product's own tokens with them.
const TOKENS: &str = "shared/aws/tests/botocore.json";

pub(crate) async fn run(workspace: &Workspace) -> Result<ExitCode> {
    let mut stop = StopRequests::listen()?;
    let began = Instant::now();
    tokio::select! {
        result = gates(workspace) => result?,
        () = stop.next() => return Ok(ExitCode::from(130)),
    }
    println!("✓ all checks passed ({})", seconds(began.elapsed()));
    Ok(ExitCode::SUCCESS)
}

/// Runs every check. `cargo deny` is not one of them, because building it takes longer than all the
/// others. `deny.toml` is for running it by hand.
async fn gates(workspace: &Workspace) -> Result<()> {
    cargo_gate(workspace, &["fmt", "--all", "--check"]).await?;
    cargo_gate(workspace, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"]).await?;
    cargo_gate(workspace, &["doc", "--workspace", "--no-deps", "--document-private-items"]).await?;
    gate("tidy", async { tidy::check(workspace) }).await?;
    gate("sam validate --lint", validate(workspace)).await?;
    gate("cfn-lint, on the transformed templates", lint(workspace)).await?;
    gate("checkov, on the transformed templates", advise(workspace)).await?;
    gate("the tokens of the tests are those of botocore", tokens(workspace)).await?;
    cargo_gate(workspace, &["xtask", "test"]).await
}

async fn cargo_gate(workspace: &Workspace, args: &[&str]) -> Result<()> {
    let mut command = cargo::command(workspace);
    command.args(args).env("RUSTDOCFLAGS", "-D warnings");
    gate(&format!("cargo {}", args.join(" ")), succeed(command)).await
}

async fn gate(name: &str, check: impl Future<Output = Result<()>>) -> Result<()> {
    println!("→ {name}");
    let began = Instant::now();
    check.await.with_context(|| format!("the check `{name}` failed"))?;
    println!("✓ {name} ({})", seconds(began.elapsed()));
    Ok(())
}

/// Validates each template before its transformation.
async fn validate(workspace: &Workspace) -> Result<()> {
    let sam = SAM.ensure(workspace).await?;
    for template in templates(workspace)? {
        let mut validate = Command::new(&sam);
        validate
            .current_dir(workspace.root())
            .args(["validate", "--lint", "--region", REGION, "--template"])
            .arg(template);
        validate.env("SAM_CLI_TELEMETRY", "0");
        succeed(validate).await?;
    }
    Ok(())
}

/// Lints the templates as CloudFormation receives them.
async fn lint(workspace: &Workspace) -> Result<()> {
    let mut lint = Command::new(SAM.ensure(workspace).await?.with_file_name("cfn-lint"));
    lint.current_dir(workspace.root()).args(transform(workspace).await?);
    succeed(lint).await
}

/// Runs checkov on the transformed templates, because it silently skips a template with a loop.
async fn advise(workspace: &Workspace) -> Result<()> {
    let mut advise = Command::new(CHECKOV.ensure(workspace).await?);
    advise.current_dir(workspace.root()).args(["--config-file", ".checkov.yaml", "--file"]);
    advise.args(transform(workspace).await?);
    succeed(advise).await
}

/// Transforms the templates and returns the paths of the results.
async fn transform(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let templates = templates(workspace)?;
    let mut args = vec![Path::new("tools/xtask/src/ci/transform.py"), Path::new(TRANSFORMED)];
    args.extend(templates.iter().map(PathBuf::as_path));
    python(workspace, &args).await?;
    Ok(templates.iter().map(|template| Path::new(TRANSFORMED).join(template).with_extension("json")).collect())
}

async fn tokens(workspace: &Workspace) -> Result<()> {
    let made = python(workspace, &[Path::new("tools/xtask/src/ci/tokens.py")]).await?;
    if fs::read(workspace.path(TOKENS)).ok() != Some(made) {
        bail!("{TOKENS} differs from the tokens of `botocore`; write the output of tools/xtask/src/ci/tokens.py to it");
    }
    Ok(())
}

/// Runs a script with SAM's own packages and returns what it prints.
async fn python(workspace: &Workspace, args: &[&Path]) -> Result<Vec<u8>> {
    let mut script = Command::new(SAM.ensure(workspace).await?.with_file_name("python"));
    script.current_dir(workspace.root()).args(args).env("AWS_DEFAULT_REGION", REGION);
    let output = script.output().await.context("cannot run SAM's Python")?;
    if !output.status.success() {
        bail!("{args:?} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}

/// Lists the root template, followed by the templates of the nested stacks.
fn templates(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let folder = workspace.path(NESTED);
    let files = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let files = files.with_context(|| format!("cannot read {}", folder.display()))?;
    let mut nested: Vec<_> = files.iter().map(|file| Path::new(NESTED).join(file.file_name())).collect();
    nested.sort();
    Ok([ROOT.into()].into_iter().chain(nested).collect())
}
