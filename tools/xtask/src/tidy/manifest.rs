//! Rules about the manifests.

use toml::{Table, Value};

use super::Finding;
use super::tree::Tree;

/// Checks the direction of the dependencies. Functions depend on shared crates and not on each
/// other. Only tools and tests depend on crates that run on a developer's machine.
pub(super) fn crates_depend_one_way(tree: &Tree) -> Vec<Finding> {
    let functions = tree.functions();
    let mut findings = Vec::new();
    for (path, manifest) in manifests(tree) {
        let package = path.trim_end_matches("/Cargo.toml");
        let is_tool = package.starts_with("tools/") || package.starts_with("verification/");
        for (section, is_for_tests) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            for name in names(manifest.get(section)) {
                if package.starts_with("functions/") && functions.contains(&name.as_str()) {
                    findings
                        .push(Finding::new(path, format!("a function must not depend on another function ({name})")));
                }
                if ["emulator", "dev-servers"].contains(&name.as_str()) && !is_tool && !is_for_tests {
                    findings.push(Finding::new(
                        path,
                        format!("{name} runs on a developer's machine only, so the product must not depend on it"),
                    ));
                }
                let is_shared_harness = name == "api-tests" && package == "verification/chaos";
                if ["xtask", "api-tests", "chaos"].contains(&name.as_str()) && !is_shared_harness {
                    findings.push(Finding::new(path, format!("no crate may depend on {name}")));
                }
            }
        }
    }
    findings
}

/// Checks that every crate inherits the lints of the workspace, so that they are set once.
pub(super) fn crates_take_the_workspace_lints(tree: &Tree) -> Vec<Finding> {
    let own = manifests(tree).filter(|(_, manifest)| {
        let inherited = manifest.get("lints").and_then(|lints| lints.get("workspace"));
        manifest.contains_key("package") && inherited != Some(&Value::Boolean(true))
    });
    own.map(|(path, _)| {
        Finding::new(path, "a crate must inherit the lints of the workspace ([lints] workspace = true)")
    })
    .collect()
}

/// Checks that every ban in `clippy.toml` has a reason, which Clippy shows with a violation.
pub(super) fn bans_have_reasons(tree: &Tree) -> Vec<Finding> {
    let Some(configuration) = tree.file("clippy.toml").and_then(|text| text.parse::<Table>().ok()) else {
        return vec![Finding::new("clippy.toml", "the file is missing or malformed")];
    };
    let bans = configuration.iter().filter(|(name, _)| name.starts_with("disallowed-"));
    let bans = bans.flat_map(|(_, bans)| bans.as_array().into_iter().flatten());
    let silent = bans.filter(|ban| ban.get("reason").and_then(Value::as_str).is_none_or(str::is_empty));
    silent.map(|ban| Finding::new("clippy.toml", format!("the ban has no reason: {ban}"))).collect()
}

fn manifests(tree: &Tree) -> impl Iterator<Item = (&str, Table)> {
    let manifests = tree.files().filter(|(path, _)| path.ends_with("Cargo.toml"));
    manifests.filter_map(|(path, text)| Some((path, text.parse().ok()?)))
}

fn names(section: Option<&Value>) -> Vec<String> {
    section.and_then(Value::as_table).map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dependencies(path: &str, section: &str, name: &str) -> usize {
        let manifest = format!("[package]\nname = \"x\"\n[{section}]\n{name}.workspace = true\n");
        let files = [("functions/health/Cargo.toml", "[package]\nname = \"health\"\n"), (path, manifest.as_str())];
        crates_depend_one_way(&Tree::of(&files)).len()
    }

    #[test]
    fn dependencies_in_the_wrong_direction_are_found() {
        assert_eq!(dependencies("functions/docs/Cargo.toml", "dependencies", "health"), 1);
        assert_eq!(dependencies("functions/docs/Cargo.toml", "dependencies", "shared"), 0);
        assert_eq!(dependencies("shared/Cargo.toml", "dependencies", "emulator"), 1);
        assert_eq!(dependencies("shared/Cargo.toml", "dev-dependencies", "dev-servers"), 0);
        assert_eq!(dependencies("tools/xtask/Cargo.toml", "dependencies", "emulator"), 0);
        assert_eq!(dependencies("shared/Cargo.toml", "dev-dependencies", "xtask"), 1);
        assert_eq!(dependencies("verification/chaos/Cargo.toml", "dependencies", "api-tests"), 0);
        assert_eq!(dependencies("tools/xtask/Cargo.toml", "dependencies", "api-tests"), 1);
        assert_eq!(dependencies("shared/Cargo.toml", "dev-dependencies", "chaos"), 1);
    }

    #[test]
    fn a_crate_without_the_lints_of_the_workspace_is_found() {
        let check = |text: &str| crates_take_the_workspace_lints(&Tree::of(&[("shared/Cargo.toml", text)])).len();
        assert_eq!(check("[package]\nname = \"x\"\n"), 1);
        assert_eq!(check("[package]\nname = \"x\"\n[lints]\nworkspace = true\n"), 0);
        assert_eq!(check("[workspace]\n"), 0);
    }

    #[test]
    fn a_ban_without_a_reason_is_found() {
        let check = |text: &str| bans_have_reasons(&Tree::of(&[("clippy.toml", text)])).len();
        assert_eq!(check("disallowed-methods = [\"std::env::var\", { path = \"a\", reason = \"b\" }]"), 1);
        assert_eq!(check("disallowed-types = [{ path = \"a\", reason = \"\" }]"), 1);
        assert_eq!(check("disallowed-methods = [{ path = \"a\", reason = \"b\" }]"), 0);
    }
}
