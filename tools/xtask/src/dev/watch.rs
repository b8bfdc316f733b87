//! Watches the source files for changes.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::workspace::Workspace;

/// The time without changes after which earlier changes are reported. An editor writes a file in
/// several steps, and a branch switch writes many files.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// A kind of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// A source or a manifest changed, so the functions have to be built.
    Sources,
    /// A migration changed, so it has to be applied, and the function that contains the migrations
    /// has to be built.
    Migrations,
    /// The template changed, so the API has to be restarted.
    Template,
}

/// The stream of changes in a checkout.
#[derive(Debug)]
pub(crate) struct Changes {
    received: mpsc::UnboundedReceiver<Change>,
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Watches `functions/`, `shared/`, `migrations/`, the template and the manifest of the
    /// workspace.
    ///
    /// # Errors
    /// The system cannot watch a folder, for example because its limit of watches is reached.
    pub(crate) fn watch(workspace: &Workspace) -> Result<Self> {
        let (sender, received) = mpsc::unbounded_channel();
        let root = workspace.root().to_path_buf();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let Ok(event) = event else { return };
            // Reading a file, as a build does, is not a change.
            if event.kind.is_access() {
                return;
            }
            for change in event.paths.iter().filter_map(|path| classify(path.strip_prefix(&root).ok()?)) {
                // If there is no receiver, this process is about to end.
                let _ending = sender.send(change);
            }
        })?;
        for folder in ["functions", "shared", "migrations"] {
            let path = workspace.path(folder);
            watcher
                .watch(&path, RecursiveMode::Recursive)
                .with_context(|| format!("cannot watch {}", path.display()))?;
        }
        // The folder is watched and not its files, because an editor may replace a file with a new
        // one.
        watcher.watch(workspace.root(), RecursiveMode::NonRecursive).context("cannot watch the repository")?;
        Ok(Self { received, _watcher: watcher })
    }

    /// Waits for a change, and for those that follow immediately.
    pub(crate) async fn next(&mut self) -> BTreeSet<Change> {
        let mut changes: BTreeSet<Change> = self.received.recv().await.into_iter().collect();
        while let Ok(Some(change)) = timeout(DEBOUNCE, self.received.recv()).await {
            changes.insert(change);
        }
        changes
    }
}

/// Returns the kind of change for a path relative to the root. Returns `None` for other files, such
/// as an editor's temporary files.
fn classify(path: &Path) -> Option<Change> {
    let name = path.file_name()?.to_str()?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    if name.starts_with('.') {
        return None;
    }
    match (path.components().next()?.as_os_str().to_str()?, extension) {
        ("template.yaml", _) => Some(Change::Template),
        ("migrations", Some("sql")) => Some(Change::Migrations),
        ("Cargo.toml" | "Cargo.lock", _) | ("functions" | "shared", Some("rs" | "toml")) => Some(Change::Sources),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_path_determines_the_kind_of_change() {
        for (path, change) in [
            ("functions/health/src/main.rs", Some(Change::Sources)),
            ("shared/src/cache/key.rs", Some(Change::Sources)),
            ("Cargo.toml", Some(Change::Sources)),
            ("migrations/0002_tags.up.sql", Some(Change::Migrations)),
            ("template.yaml", Some(Change::Template)),
            ("functions/health/src/.main.rs.swp", None),
            ("functions/health/src/main.rs~", None),
            ("shared/src", None),
            ("README.md", None),
            ("target/debug/health", None),
        ] {
            assert_eq!(classify(Path::new(path)), change, "{path}");
        }
    }

    #[tokio::test]
    async fn a_saved_file_is_noticed_even_if_it_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["functions/health/src", "shared/src", "migrations"] {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let template = root.path().join("template.yaml");
        fs::write(&template, "one").unwrap();
        let workspace = Workspace::at(root.path().canonicalize().unwrap());
        let mut changes = Changes::watch(&workspace).unwrap();
        fs::write(root.path().join("functions/health/src/main.rs"), "fn main() {}").unwrap();
        assert!(next(&mut changes).await.contains(&Change::Sources));
        fs::write(root.path().join("template.new"), "two").unwrap();
        fs::rename(root.path().join("template.new"), &template).unwrap();
        assert!(next(&mut changes).await.contains(&Change::Template));
    }

    async fn next(changes: &mut Changes) -> BTreeSet<Change> {
        timeout(Duration::from_secs(20), changes.next()).await.unwrap()
    }
}
