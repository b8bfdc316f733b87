//! Sets aside the binaries that a command runs, so that another build in the same checkout does not
//! replace them while they run.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cargo::{self, Artifact};
use crate::workspace::Workspace;

/// Builds functions with a profile, and sets their binaries aside for a command. Returns the folder
/// of the binaries.
///
/// # Errors
/// A function does not build, or the folder cannot be written.
pub(crate) async fn build(
    workspace: &Workspace,
    command: &str,
    profile: &str,
    functions: &[String],
) -> Result<PathBuf> {
    println!("building the functions");
    set_aside(workspace, command, &cargo::build(workspace, profile, functions).await?)
}

/// Sets binaries aside for a command, and returns their folder.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn set_aside(workspace: &Workspace, command: &str, artifacts: &[Artifact]) -> Result<PathBuf> {
    let folder = workspace.state(command).join("functions");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for artifact in artifacts {
        install(artifact, &folder)?;
    }
    Ok(folder)
}

/// Puts a binary into the folder. Returns whether it differs from the binary that was there.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn install(artifact: &Artifact, folder: &Path) -> Result<bool> {
    let target = folder.join(&artifact.name);
    if is_same(&artifact.executable, &target) {
        return Ok(false);
    }
    let new = folder.join(format!(".{}", artifact.name));
    let place = || -> std::io::Result<()> {
        let _absent = fs::remove_file(&new);
        // A hard link is cheap. It is also safe, because Cargo creates a new file for each build
        // and never writes into an existing binary.
        if fs::hard_link(&artifact.executable, &new).is_err() {
            fs::copy(&artifact.executable, &new)?;
            fs::File::options()
                .write(true)
                .open(&new)?
                .set_modified(fs::metadata(&artifact.executable)?.modified()?)?;
        }
        fs::rename(&new, &target)
    };
    place().with_context(|| format!("cannot copy {}", artifact.executable.display()))?;
    // If both are links of the same file, POSIX lets the rename leave both in place.
    let _gone = fs::remove_file(&new);
    Ok(true)
}

fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().and_then(|file| Some((file.len(), file.modified().ok()?)));
    identity(one).is_some_and(|one| identity(other) == Some(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_is_replaced_only_by_a_different_one() {
        let (target, installed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let executable = target.path().join("health");
        let artifact = Artifact { name: "health".to_owned(), executable: executable.clone() };
        fs::write(&executable, "one").unwrap();
        assert!(install(&artifact, installed.path()).unwrap());
        assert!(!install(&artifact, installed.path()).unwrap());

        // Cargo replaces a binary by a new file of the same name.
        fs::remove_file(&executable).unwrap();
        fs::write(&executable, "another").unwrap();
        let read = || fs::read_to_string(installed.path().join("health")).unwrap();
        assert_eq!(read(), "one", "the binary stays until it is replaced");
        assert!(install(&artifact, installed.path()).unwrap());
        assert_eq!(read(), "another");
        assert_eq!(fs::read_dir(installed.path()).unwrap().count(), 1);
    }
}
