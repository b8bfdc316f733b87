//! The user that runs a server when this process is root.

use std::process::Command;

use rustix::process::geteuid;

/// The ids of a user of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnprivilegedUser {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl UnprivilegedUser {
    /// Returns the user for servers that refuse to run as root, which are Postgres and PgBouncer:
    /// `postgres`, or else `nobody`. Returns `None` if this process is not root and runs them
    /// itself.
    pub(crate) fn find() -> Option<Self> {
        if !geteuid().is_root() {
            return None;
        }
        ["postgres", "nobody"].into_iter().find_map(Self::with_name)
    }

    fn with_name(name: &str) -> Option<Self> {
        Some(Self { uid: query_id("-u", name)?, gid: query_id("-g", name)? })
    }
}

/// Queries an id of a user with the command `id`.
fn query_id(option: &str, name: &str) -> Option<u32> {
    let output = Command::new("id").args([option, name]).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}
