//! The paths in the repository.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The repository's root folder.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the repository that contains the current folder, so that one copy of this program
    /// works in every checkout.
    ///
    /// # Errors
    /// The current folder is not in a checkout.
    pub(crate) fn find() -> Result<Self> {
        let here = env::current_dir().context("the current folder does not exist")?;
        let root =
            here.ancestors().find(|folder| folder.join("template.yaml").is_file() && folder.join("functions").is_dir());
        let root = root.with_context(|| {
            format!("{} is not inside Kai's repository; run the command in a checkout", here.display())
        })?;
        Ok(Self { root: root.to_path_buf() })
    }

    #[cfg(test)]
    pub(crate) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Returns the folder of a command's server data, binaries and secrets: `target/<command>`.
    pub(crate) fn state(&self, command: &str) -> PathBuf {
        self.root.join("target").join(command)
    }

    /// Returns the sorted names of the functions: each folder in `functions/` with a manifest.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub(crate) fn functions(&self) -> Result<Vec<String>> {
        let folder = self.path("functions");
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            if path.join("Cargo.toml").is_file() {
                names.extend(path.file_name().and_then(|name| name.to_str()).map(str::to_owned));
            }
        }
        names.sort();
        Ok(names)
    }
}
