//! Tools from the Python Package Index, each in its own virtual environment under `target/`.

use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Context, Result, bail};
use tokio::process::Command;

use crate::process;
use crate::workspace::Workspace;

/// A program of a package, with a pinned version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    pub(crate) program: &'static str,
}

impl Tool {
    /// Installs the program if it is missing, and returns its path.
    ///
    /// # Errors
    /// Python 3 is missing, or the package cannot be installed.
    pub(crate) async fn ensure(self, workspace: &Workspace) -> Result<PathBuf> {
        let environment = workspace.path("target/python").join(self.package);
        let program = environment.join("bin").join(self.program);
        if installed_version(&program).await.as_deref() == Some(self.version) {
            return Ok(program);
        }
        let package = self.package;
        println!("installing {package} {}", self.version);
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&environment);
        let advice = "needs Python 3.9 or newer with its `venv` module (Debian, Ubuntu: apt-get install python3-venv)";
        succeed(venv).await.with_context(|| format!("{package} {advice}"))?;
        let mut pip = Command::new(environment.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", &format!("{package}=={}", self.version)]);
        succeed(pip).await.with_context(|| format!("cannot install {package}"))?;
        Ok(program)
    }
}

/// Runs a command to its end.
///
/// # Errors
/// The command cannot be run, or it fails.
pub(crate) async fn succeed(mut command: Command) -> Result<()> {
    let status: ExitStatus = process::complete(&mut command).await?;
    if !status.success() {
        bail!("the command failed ({status})");
    }
    Ok(())
}

/// Returns the version that a program prints as the last word of its first line.
pub(crate) async fn installed_version(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("--version").output().await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next()?.split_whitespace().last().map(str::to_owned)
}
