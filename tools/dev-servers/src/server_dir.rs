//! The directory of a server: its lock and its data.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use crate::unprivileged_user::UnprivilegedUser;
use crate::{Error, Result};

/// A directory in which only this process runs a server.
#[derive(Debug)]
pub(crate) struct ServerDir {
    /// The absolute path without symbolic links.
    pub(crate) path: PathBuf,
    /// The lock file, which is locked while it is open. The system unlocks it even if this process
    /// is killed.
    lock: File,
}

impl ServerDir {
    /// Creates the directory if it does not exist, and locks it.
    ///
    /// # Errors
    /// Returns an error if another process has locked the directory, or if it cannot be created.
    pub(crate) fn lock(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).map_err(Error::path("create", dir))?;
        let path = dir.canonicalize().map_err(Error::path("resolve", dir))?;
        let lock_path = path.join("lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(Error::path("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, lock }),
            Err(TryLockError::WouldBlock) => Err(Error::InUse(path)),
            Err(TryLockError::Error(source)) => Err(Error::path("lock", &lock_path)(source)),
        }
    }

    /// Creates the subdirectory `data`, which only its owner can read. If the server runs as
    /// another user, that user owns it. If that user cannot reach it, as in a checkout below a
    /// private home directory, `data` is a link to a directory under `/var/tmp`.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be created or its owner cannot be changed.
    pub(crate) fn create_data_dir(&self, user: Option<UnprivilegedUser>) -> Result<PathBuf> {
        let data = self.path.join("data");
        let Some(user) = user else {
            create_private_dir(&data)?;
            return Ok(data);
        };
        if !data.is_symlink() {
            create_private_dir(&data)?;
            chown(&data, Some(user.uid), Some(user.gid)).map_err(Error::path("change the owner of", &data))?;
            if is_writable_by(&data, user) {
                return Ok(data);
            }
            fs::remove_dir_all(&data).map_err(Error::path("remove", &data))?;
            symlink(fallback_data_dir(&self.path), &data).map_err(Error::path("create the link", &data))?;
        }
        let target = fs::read_link(&data).map_err(Error::path("read the link", &data))?;
        create_private_dir(&target)?;
        // Every user may write to /var/tmp, so a directory there may belong to another user.
        let owner = fs::symlink_metadata(&target).map_err(Error::path("inspect", &target))?.uid();
        if owner != 0 && owner != user.uid {
            return Err(Error::path("use", &target)(io::Error::other("it belongs to another user")));
        }
        chown(&target, Some(user.uid), Some(user.gid)).map_err(Error::path("change the owner of", &target))?;
        Ok(target)
    }
}

impl Drop for ServerDir {
    fn drop(&mut self) {
        // Closing the file is not sufficient, because a child that another thread forks has a copy
        // of it until it executes its program. If unlocking fails, closing the last copy unlocks
        // the file.
        let _ = self.lock.unlock();
    }
}

/// Writes a file that only its owner can read, and makes the server's user its owner.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub(crate) fn write_private(path: &Path, text: &str, user: Option<UnprivilegedUser>) -> Result<()> {
    fs::write(path, "")
        .and_then(|()| fs::set_permissions(path, Permissions::from_mode(0o600)))
        .map_err(Error::path("write", path))?;
    fs::write(path, text).map_err(Error::path("write", path))?;
    match user {
        Some(user) => chown(path, Some(user.uid), Some(user.gid)).map_err(Error::path("change the owner of", path)),
        None => Ok(()),
    }
}

/// Returns 16 hexadecimal digits that depend only on the path.
pub(crate) fn path_hash(path: &Path) -> String {
    let mut name = const_hex::encode(Sha256::digest(path.as_os_str().as_encoded_bytes()));
    name.truncate(16);
    name
}

fn fallback_data_dir(path: &Path) -> PathBuf {
    Path::new("/var/tmp").join(format!("kai-{}", path_hash(path)))
}

fn create_private_dir(path: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(Error::path("create", path)(error)),
        _ => Ok(()),
    }
}

/// Reports whether the user can write to the path. The function asks the system, because permission
/// bits do not cover access lists and mount options.
fn is_writable_by(path: &Path, user: UnprivilegedUser) -> bool {
    let mut test = Command::new("test");
    test.arg(OsStr::new("-w")).arg(path).uid(user.uid).gid(user.gid).current_dir("/");
    test.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_can_be_locked_once_until_it_is_unlocked() {
        let dir = tempfile::tempdir().unwrap();
        let first = ServerDir::lock(dir.path()).unwrap();
        assert!(matches!(ServerDir::lock(dir.path()), Err(Error::InUse(_))));
        drop(first);
        ServerDir::lock(dir.path()).unwrap();
    }

    #[test]
    fn a_dropped_lock_is_free_even_if_the_file_is_still_open() {
        let dir = tempfile::tempdir().unwrap();
        let first = ServerDir::lock(dir.path()).unwrap();
        let copy = first.lock.try_clone().unwrap();
        drop(first);
        ServerDir::lock(dir.path()).unwrap();
        drop(copy);
    }

    #[test]
    fn data_that_the_user_of_the_server_cannot_reach_is_under_var_tmp() {
        let Some(user) = UnprivilegedUser::find() else { return };
        let closed = tempfile::tempdir().unwrap();
        fs::set_permissions(closed.path(), Permissions::from_mode(0o700)).unwrap();
        let dir = ServerDir::lock(&closed.path().join("server")).unwrap();
        let data = dir.create_data_dir(Some(user)).unwrap();
        assert!(data.starts_with("/var/tmp"), "{}", data.display());
        assert!(is_writable_by(&data, user));
        assert_eq!(dir.create_data_dir(Some(user)).unwrap(), data);
        fs::remove_dir_all(data).unwrap();
    }

    #[test]
    fn only_the_owner_can_read_a_private_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("password");
        write_private(&path, "hunter2", None).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(&path).unwrap(), "hunter2");
    }
}
