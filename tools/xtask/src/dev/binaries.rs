//! The binaries that are served: set aside, so that another build in the same checkout does not replace them underneath.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use crate::cargo::Built;

/// Puts a binary into the folder, and says whether it is another one than was there.
///
/// # Errors
/// The folder cannot be written.
pub(crate) fn install(built: &Built, folder: &Path) -> Result<bool> {
    let target = folder.join(&built.function);
    if is_same(&built.executable, &target) {
        return Ok(false);
    }
    let place = || -> std::io::Result<()> {
        let new = folder.join(format!(".{}", built.function));
        let _absent = fs::remove_file(&new);
        // A link costs nothing. Cargo never writes into a binary, it makes a new file.
        if fs::hard_link(&built.executable, &new).is_err() {
            fs::copy(&built.executable, &new)?;
            fs::File::options().write(true).open(&new)?.set_modified(fs::metadata(&built.executable)?.modified()?)?;
        }
        fs::rename(&new, &target)
    };
    place().with_context(|| format!("cannot set {} aside", built.executable.display()))?;
    // Renaming a link onto another link of the same file leaves both, by POSIX.
    let _gone = fs::remove_file(folder.join(format!(".{}", built.function)));
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
    fn a_binary_is_replaced_only_by_another_one() {
        let (target, served) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let executable = target.path().join("health");
        let built = Built { function: "health".to_owned(), executable: executable.clone() };
        fs::write(&executable, "one").unwrap();
        assert!(install(&built, served.path()).unwrap());
        assert!(!install(&built, served.path()).unwrap());

        // As cargo does it: a new file of the same name.
        fs::remove_file(&executable).unwrap();
        fs::write(&executable, "another").unwrap();
        assert_eq!(
            fs::read_to_string(served.path().join("health")).unwrap(),
            "one",
            "what is served stays until it is replaced"
        );
        assert!(install(&built, served.path()).unwrap());
        assert_eq!(fs::read_to_string(served.path().join("health")).unwrap(), "another");
        assert_eq!(fs::read_dir(served.path()).unwrap().count(), 1);
    }
}
