//! A server's folder: who may use it now, and where its data lie.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::account::Account;
use crate::{Error, Result};

/// A folder that this process alone runs a server in.
#[derive(Debug)]
pub(crate) struct Folder {
    /// The folder as an absolute path without symbolic links.
    pub(crate) path: PathBuf,
    /// Locked as long as it is open; the system unlocks it even when we are killed.
    _lock: File,
}

impl Folder {
    /// Makes the folder if there is none, and claims it.
    ///
    /// # Errors
    /// Another process has claimed it, or it cannot be made.
    pub(crate) fn claim(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).map_err(Error::path("make", dir))?;
        let path = dir.canonicalize().map_err(Error::path("find", dir))?;
        let lock_path = path.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(Error::path("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse(path)),
            Err(TryLockError::Error(source)) => Err(Error::path("lock", &lock_path)(source)),
        }
    }

    /// The sub-folder `data`, readable by its owner alone. For a server that runs as another user it belongs to that user; when
    /// that user cannot reach it (a checkout below a private home), `data` is a link to a folder under `/var/tmp`.
    ///
    /// # Errors
    /// The folder cannot be made or handed over.
    pub(crate) fn data(&self, account: Option<Account>) -> Result<PathBuf> {
        let data = self.path.join("data");
        let Some(account) = account else {
            make_private(&data)?;
            return Ok(data);
        };
        if !data.is_symlink() {
            make_private(&data)?;
            chown(&data, Some(account.uid), Some(account.gid)).map_err(Error::path("hand over", &data))?;
            if is_reachable(&data, account) {
                return Ok(data);
            }
            fs::remove_dir_all(&data).map_err(Error::path("remove", &data))?;
            symlink(elsewhere(&self.path), &data).map_err(Error::path("link", &data))?;
        }
        let target = fs::read_link(&data).map_err(Error::path("follow", &data))?;
        make_private(&target)?;
        // Everybody may write to /var/tmp: a folder that somebody else put there is not ours to use.
        let owner = fs::symlink_metadata(&target).map_err(Error::path("look at", &target))?.uid();
        if owner != 0 && owner != account.uid {
            return Err(Error::path("use", &target)(io::Error::other("it belongs to another user")));
        }
        chown(&target, Some(account.uid), Some(account.gid)).map_err(Error::path("hand over", &target))?;
        Ok(target)
    }
}

/// Writes a file that only its owner can read, and hands it to the server's user.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write_private(path: &Path, text: &str, account: Option<Account>) -> Result<()> {
    fs::write(path, "")
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o600)))
        .map_err(Error::path("write", path))?;
    fs::write(path, text).map_err(Error::path("write", path))?;
    match account {
        Some(account) => chown(path, Some(account.uid), Some(account.gid)).map_err(Error::path("hand over", path)),
        None => Ok(()),
    }
}

/// A name of 16 characters for a folder, the same on every start.
pub(crate) fn hash(path: &Path) -> String {
    let mut name = const_hex::encode(Sha256::digest(path.as_os_str().as_encoded_bytes()));
    name.truncate(16);
    name
}

fn elsewhere(path: &Path) -> PathBuf {
    Path::new("/var/tmp").join(format!("kai-{}", hash(path)))
}

fn make_private(path: &Path) -> Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::path("make", path)(error)),
        _ => Ok(()),
    }
}

/// Asks the system rather than reading permission bits, which would miss access lists and mount options.
fn is_reachable(path: &Path, account: Account) -> bool {
    let mut test = Command::new("test");
    test.arg(OsStr::new("-w")).arg(path).uid(account.uid).gid(account.gid).current_dir("/");
    test.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_claimed_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = Folder::claim(dir.path()).unwrap();
        assert!(matches!(Folder::claim(dir.path()), Err(Error::InUse(_))));
        drop(first);
        Folder::claim(dir.path()).unwrap();
    }

    #[test]
    fn data_that_the_servers_user_cannot_reach_lie_elsewhere() {
        let Some(account) = Account::for_servers() else { return };
        let closed = tempfile::tempdir().unwrap();
        fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let folder = Folder::claim(&closed.path().join("server")).unwrap();
        let data = folder.data(Some(account)).unwrap();
        assert!(data.starts_with("/var/tmp"), "{}", data.display());
        assert!(is_reachable(&data, account));
        assert_eq!(folder.data(Some(account)).unwrap(), data);
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn a_secret_file_is_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        write_private(&path, "hunter2", None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap(), "hunter2");
    }
}
