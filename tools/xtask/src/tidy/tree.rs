//! The repository's files, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use emulator::{Document, Template};

use super::tokens::{Token, tokens};

/// The root template, which describes the functions.
pub(super) const TEMPLATE: &str = "template.yaml";

/// The text files by their path relative to the root, with `/` between the parts.
#[derive(Debug, Default)]
pub(super) struct Tree {
    files: BTreeMap<String, String>,
    /// The paths of all files and folders, which includes files that are not text.
    paths: BTreeSet<String>,
    documents: BTreeMap<String, Document>,
    template: Option<Template>,
}

impl Tree {
    /// Reads the files below a root. Skips `target` folders, and hidden files and folders other
    /// than `.ci`, `.cargo` and `.github`.
    ///
    /// # Errors
    /// A folder cannot be listed, or a template is malformed.
    pub(super) fn load(root: &Path) -> Result<Self> {
        let mut tree = Self::default();
        tree.load_folder(root, "")?;
        for path in tree.files.keys().filter(|path| is_template(path)) {
            tree.documents.insert(path.clone(), Document::read(root.join(path))?);
        }
        tree.template = tree
            .document(TEMPLATE)
            .map(Template::parse)
            .transpose()
            .context("if a function is new, run `cargo xtask generate`, which writes its log group")?;
        Ok(tree)
    }

    fn load_folder(&mut self, folder: &Path, prefix: &str) -> Result<()> {
        for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if (name.starts_with('.') && ![".ci", ".cargo", ".github"].contains(&name)) || name == "target" {
                continue;
            }
            self.paths.insert(format!("{prefix}{name}"));
            if path.is_dir() {
                self.load_folder(&path, &format!("{prefix}{name}/"))?;
            } else if let Ok(text) = fs::read_to_string(&path) {
                self.files.insert(format!("{prefix}{name}"), text);
            }
        }
        Ok(())
    }

    /// Returns every file with its text, sorted by path.
    pub(super) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// Returns whether there is a file or a folder of this path.
    pub(super) fn exists(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    pub(super) fn file(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Returns the tokens of each Rust source that is not a test. Comments, attributes and test
    /// modules are left out.
    pub(super) fn sources(&self) -> impl Iterator<Item = (&str, Vec<Token>)> {
        let sources = self.files().filter(|(path, _)| path.ends_with(".rs") && !is_test(path));
        sources.map(|(path, text)| (path, tokens(text)))
    }

    /// Returns the names of the folders in `functions/` that have a manifest.
    pub(super) fn functions(&self) -> Vec<&str> {
        let manifests =
            self.files.keys().filter_map(|path| path.strip_prefix("functions/")?.strip_suffix("/Cargo.toml"));
        manifests.filter(|name| !name.contains('/')).collect()
    }

    /// Returns the root template, with the defaults of its parameters.
    pub(super) fn template(&self) -> Option<&Template> {
        self.template.as_ref()
    }

    /// Returns the root template and the templates of the nested stacks, by path.
    pub(super) fn documents(&self) -> impl Iterator<Item = (&str, &Document)> {
        self.documents.iter().map(|(path, document)| (path.as_str(), document))
    }

    pub(super) fn document(&self, path: &str) -> Option<&Document> {
        self.documents.get(path)
    }
}

/// Returns whether a file contains only tests, benchmarks or examples.
pub(super) fn is_test(path: &str) -> bool {
    let folders = ["tests", "benches", "examples"];
    path.split('/').any(|part| folders.contains(&part) || part == "tests.rs")
        || path.starts_with("verification/api-tests/")
}

fn is_template(path: &str) -> bool {
    path == TEMPLATE || path.starts_with("infra/") && path.ends_with(".yaml")
}

#[cfg(test)]
impl Tree {
    /// Creates a tree of these files.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self::load(root.path()).unwrap()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_and_build_output_are_left_out() {
        let tree =
            Tree::of(&[("a/b.rs", ""), ("target/c.rs", ""), (".git/d", ""), (".ci/run", ""), ("e/target/f.rs", "")]);
        assert_eq!(tree.files().map(|(path, _)| path).collect::<Vec<_>>(), [".ci/run", "a/b.rs"]);
    }
}
