//! The test binaries that cargo builds.

use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Deserialize;

use crate::binaries;
use crate::cargo::{self, Artifact};
use crate::test::selection;
use crate::workspace::Workspace;

/// A test binary and the arguments that select it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TestBinary {
    /// The arguments with which `cargo test` selects the binary, such as `-p emulator --lib`.
    pub(crate) selection: String,
    pub(crate) executable: PathBuf,
    /// The folder in which `cargo test` runs the binary.
    pub(crate) package_folder: PathBuf,
}

impl TestBinary {
    /// Returns the name of the file, which differs between all test binaries.
    pub(crate) fn name(&self) -> String {
        self.executable.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Builds the test binaries that the arguments of `cargo test` select, and sets them aside in
/// `folder`, where later builds do not replace them.
///
/// # Errors
/// A package does not compile, or the folder cannot be written.
pub(crate) async fn build(workspace: &Workspace, arguments: &[String], folder: &Path) -> Result<Vec<TestBinary>> {
    println!("building the tests");
    let mut command = cargo::command(workspace);
    command.args(["test", "--no-run"]).args(selection(arguments)).args(arguments);
    let mut built = cargo::artifacts(&mut command, parse).await?;
    for binary in &mut built {
        let artifact = Artifact { name: binary.name(), executable: binary.executable.clone() };
        binaries::install(&artifact, folder)?;
        binary.executable = folder.join(artifact.name);
    }
    Ok(built)
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    package_id: String,
    manifest_path: PathBuf,
    target: Target,
    profile: Profile,
    executable: PathBuf,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    name: String,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// Parses a JSON message of cargo. Returns `None` if it is not about a test binary.
fn parse(line: &str) -> Option<TestBinary> {
    let message: Message = serde_json::from_str(line).ok()?;
    if message.reason != "compiler-artifact" || !message.profile.test {
        return None;
    }
    let package = package_name(&message.package_id)?;
    let Target { kind, name } = message.target;
    let target = match kind.first()?.as_str() {
        kind @ ("bin" | "test" | "example" | "bench") => format!("--{kind} {name}"),
        _ => "--lib".to_owned(),
    };
    Some(TestBinary {
        selection: format!("-p {package} {target}"),
        executable: message.executable,
        package_folder: message.manifest_path.parent()?.to_owned(),
    })
}

/// Returns the name in a package id, which is `path+file:///folder/name#1.0.0`, or
/// `path+file:///folder#name@1.0.0` if the folder has another name.
fn package_name(id: &str) -> Option<&str> {
    let (url, fragment) = id.rsplit_once('#')?;
    match fragment.split_once('@') {
        Some((name, _)) => Some(name),
        None => url.rsplit('/').next(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str, kind: &str, test: bool) -> String {
        format!(
            r#"{{"reason":"compiler-artifact","package_id":"{id}","manifest_path":"/kai/tools/emulator/Cargo.toml",
            "target":{{"kind":["{kind}"],"name":"it"}},"profile":{{"test":{test}}},"executable":"/t/deps/it-1"}}"#
        )
    }

    #[test]
    fn a_test_binary_has_the_arguments_that_select_it() {
        let parsed = parse(&message("path+file:///kai/tools/emulator#0.1.0", "test", true)).unwrap();
        let expected = TestBinary {
            selection: "-p emulator --test it".to_owned(),
            executable: "/t/deps/it-1".into(),
            package_folder: "/kai/tools/emulator".into(),
        };
        assert_eq!((parsed.name().as_str(), &parsed), ("it-1", &expected));
        let parsed = parse(&message("path+file:///kai/tools/other#emulator@0.1.0", "lib", true)).unwrap();
        assert_eq!(parsed.selection, "-p emulator --lib");
    }

    #[test]
    fn other_messages_are_not_test_binaries() {
        assert_eq!(parse(&message("path+file:///kai/tools/emulator#0.1.0", "bin", false)), None);
        assert_eq!(parse(r#"{"reason":"build-finished","success":true}"#), None);
        assert_eq!(parse("warning: something"), None);
    }
}
