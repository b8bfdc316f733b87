//! Builds the functions and the baselines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::binaries;
use crate::cargo::{self, Artifact};
use crate::terminal::seconds;
use crate::workspace::Workspace;

/// The function that is built separately, as SAM builds every function. It alone depends on `sqlx`,
/// which enables features of common dependencies that no other function has.
const MIGRATION: &str = "db-migrate";

/// The binaries by name, in a folder that other builds do not change.
#[derive(Debug)]
pub(crate) struct Binaries {
    by_name: BTreeMap<String, PathBuf>,
    /// The build time of the functions, which is near zero if they were up to date.
    pub(crate) build_time: Duration,
}

impl Binaries {
    /// Builds every function and every baseline, and sets the binaries aside. Cargo shows its own
    /// progress.
    ///
    /// # Errors
    /// A package does not compile, or a binary cannot be copied.
    pub(crate) async fn build(workspace: &Workspace, profile: &str) -> Result<Self> {
        let functions = workspace.functions()?;
        println!("building {} functions with the profile {profile}", functions.len());
        let started = Instant::now();
        // Only functions are built here, because the emulator and the tests would enable further
        // features of the dependencies.
        let (separate, together): (Vec<_>, Vec<_>) = functions.into_iter().partition(|name| name == MIGRATION);
        let mut artifacts = cargo::build(workspace, profile, &together).await?;
        artifacts.extend(cargo::build(workspace, profile, &separate).await?);
        let build_time = started.elapsed();
        println!("✓ functions built ({})", seconds(build_time));
        artifacts.extend(cargo::build(workspace, profile, &["baselines".to_owned()]).await?);

        let folder = binaries::set_aside(workspace, "bench", &artifacts)?;
        let by_name = artifacts.into_iter().map(|Artifact { name, .. }| (name.clone(), folder.join(name))).collect();
        Ok(Self { by_name, build_time })
    }

    /// Returns the binary of a function or a baseline.
    ///
    /// # Errors
    /// There is no binary of that name.
    pub(crate) fn get(&self, name: &str) -> Result<&Path> {
        self.by_name.get(name).map(PathBuf::as_path).with_context(|| format!("cargo built no binary named {name}"))
    }

    /// Returns the sizes of the functions in bytes.
    ///
    /// # Errors
    /// A binary is missing.
    pub(crate) fn sizes(&self, functions: &[String]) -> Result<BTreeMap<String, u64>> {
        functions.iter().map(|name| Ok((name.clone(), std::fs::metadata(self.get(name)?)?.len()))).collect()
    }
}
