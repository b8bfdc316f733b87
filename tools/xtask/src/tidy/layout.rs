//! Rules about the files of the repository and their sizes.

use std::collections::BTreeSet;

use super::Finding;
use super::tokens::Kind;
use super::tree::{Tree, is_test};

/// The lines of code above which a module gets a warning.
const RECOMMENDED_LINES: usize = 250;
/// The lines of code above which a module has to be split.
const MAX_LINES: usize = 400;

/// Checks that every function has a resource of the same name in the template, and that every
/// resource has a folder in `functions/`.
pub(super) fn functions_and_template_agree(tree: &Tree) -> Vec<Finding> {
    let functions = tree.functions();
    let Some(template) = tree.template() else {
        return vec![Finding::new("template.yaml", "the file is missing")];
    };
    let mut findings = Vec::new();
    for name in &functions {
        let (path, expected) = (format!("functions/{name}"), logical_id(name));
        match template.functions.iter().find(|function| function.binary == **name) {
            None => findings.push(Finding::new(path, "no function of template.yaml runs this binary")),
            Some(function) if function.logical_id != expected => {
                findings.push(Finding::new(
                    path,
                    format!("the logical ID in template.yaml is {}, and must be {expected}", function.logical_id),
                ));
            }
            Some(_) => {}
        }
    }
    for function in &template.functions {
        if !functions.contains(&function.binary.as_str()) {
            let text = format!("{} runs {}, which has no folder in functions/", function.logical_id, function.binary);
            findings.push(Finding::new("template.yaml", text));
        }
    }
    findings
}

/// Checks that no function names a role, because functions could share that role. SAM creates a
/// role for each function that does not name one.
pub(super) fn functions_have_roles_of_their_own(tree: &Tree) -> Vec<Finding> {
    let lines = tree.file("template.yaml").unwrap_or_default().lines().enumerate();
    // At these depths the role belongs to one function or to all. A deeper role belongs to another
    // resource.
    let named = lines.filter(|(_, line)| ["    Role:", "      Role:"].iter().any(|start| line.starts_with(start)));
    named
        .map(|(index, _)| {
            Finding::at("template.yaml", index + 1, "a function must not name a role; grant permissions with Policies")
        })
        .collect()
}

/// Checks that every function has an event to invoke it with, and that every event is valid JSON.
pub(super) fn functions_have_events(tree: &Tree) -> Vec<Finding> {
    let functions = tree.functions();
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, text) in tree.files() {
        let Some((function, _)) = path.strip_prefix("events/").and_then(|rest| rest.split_once('/')) else { continue };
        seen.insert(function);
        if !functions.contains(&function) {
            findings.push(Finding::new(path, format!("there is no function {function}")));
        }
        if path.ends_with(".json")
            && let Err(error) = serde_json::from_str::<serde_json::Value>(text)
        {
            findings.push(Finding::at(path, error.line(), format!("the event is not valid JSON: {error}")));
        }
    }
    let missing = functions.into_iter().filter(|name| !seen.contains(name));
    findings
        .extend(missing.map(|name| Finding::new(format!("functions/{name}"), format!("events/{name}/ has no event"))));
    findings
}

/// Checks that every function has a module of black-box tests.
pub(super) fn functions_have_tests(tree: &Tree) -> Vec<Finding> {
    let tested: BTreeSet<&str> = tree
        .files()
        .filter(|(path, _)| path.starts_with("verification/api-tests/"))
        .filter_map(|(path, _)| path.rsplit('/').next())
        .collect();
    let untested =
        tree.functions().into_iter().filter(|name| !tested.contains(format!("{}.rs", name.replace('-', "_")).as_str()));
    untested
        .map(|name| {
            Finding::new(format!("functions/{name}"), format!("api-tests has no module {}", name.replace('-', "_")))
        })
        .collect()
}

/// Checks the number of lines of code in each module. Tests, comments and lines that only contain
/// text do not count, because they do not make a module hard to read.
pub(super) fn modules_are_small(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, tokens) in tree.sources() {
        let words = tokens.iter().filter(|token| token.kind == Kind::Word);
        let lines = words.map(|token| token.line).collect::<BTreeSet<_>>().len();
        let text = format!(
            "{lines} lines of code; a module should have at most {RECOMMENDED_LINES}, and must have at most {MAX_LINES}"
        );
        if lines > MAX_LINES {
            findings.push(Finding::new(path, text));
        } else if lines > RECOMMENDED_LINES {
            findings.push(Finding::new(path, text).warning());
        }
    }
    findings
}

/// Checks that modules are `foo.rs` next to `foo/`, and that their names are meaningful.
pub(super) fn module_names_are_specific(tree: &Tree) -> Vec<Finding> {
    let empty = ["util", "utils", "helper", "helpers", "common", "manager", "misc"];
    let mut findings = Vec::new();
    for (path, _) in tree.files().filter(|(path, _)| path.ends_with(".rs")) {
        if path.ends_with("/mod.rs") {
            findings.push(Finding::new(path, "a module must be foo.rs next to foo/, not mod.rs"));
        }
        let parts = path.trim_end_matches(".rs").split('/');
        findings.extend(
            parts
                .filter(|part| empty.contains(part))
                .map(|part| Finding::new(path, format!("the name `{part}` does not describe the contents"))),
        );
    }
    findings
}

/// Checks that the first line of every module is its documentation. Test modules are exempt,
/// because the names of the tests describe them.
pub(super) fn modules_begin_with_a_doc(tree: &Tree) -> Vec<Finding> {
    let sources = tree.files().filter(|(path, _)| path.ends_with(".rs") && !is_test(path));
    let silent = sources.filter(|(_, text)| !text.starts_with("//!"));
    silent.map(|(path, _)| Finding::at(path, 1, "a module must begin with its documentation (`//!`)")).collect()
}

/// Returns the logical ID of a function, such as `JournalCreateFunction` for `journal-create`.
fn logical_id(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    });
    words.chain(["Function".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "Resources:\n  JournalCreateFunction:\n    Type: AWS::Serverless::Function\n    Metadata:\n      BuildProperties: { Binary: journal-create }\n    Properties: { Runtime: provided.al2023, CodeUri: functions/journal-create }\n";

    fn good() -> Vec<(&'static str, &'static str)> {
        vec![
            ("template.yaml", TEMPLATE),
            ("functions/journal-create/Cargo.toml", ""),
            ("functions/journal-create/src/main.rs", "//! Main.\nfn main() {}\n"),
            ("events/journal-create/success.json", "{}"),
            ("verification/api-tests/tests/it/journal_create.rs", ""),
        ]
    }

    /// Returns the findings of a rule after one file was added to the good tree or replaced in it.
    fn after(rule: fn(&Tree) -> Vec<Finding>, path: &'static str, text: &'static str) -> Vec<Finding> {
        let mut files = good();
        assert_eq!(rule(&Tree::of(&files)), [], "the good tree has no findings");
        files.retain(|(known, _)| *known != path);
        files.push((path, text));
        rule(&Tree::of(&files))
    }

    #[test]
    fn a_function_without_a_resource_is_found() {
        let findings = after(functions_and_template_agree, "functions/journal-list/Cargo.toml", "");
        assert!(findings.iter().any(|finding| finding.path == "functions/journal-list"), "{findings:?}");
    }

    #[test]
    fn a_resource_of_another_name_and_one_without_a_folder_are_found() {
        let renamed = "Resources:\n  Create:\n    Type: AWS::Serverless::Function\n    Properties: { Runtime: provided.al2023, CodeUri: functions/journal-create }\n";
        assert_eq!(after(functions_and_template_agree, "template.yaml", renamed).len(), 1);
        let orphan = "Resources:\n  OldFunction:\n    Type: AWS::Serverless::Function\n    Properties: { Runtime: provided.al2023, CodeUri: functions/old }\n";
        assert_eq!(after(functions_and_template_agree, "template.yaml", orphan).len(), 2);
    }

    #[test]
    fn a_named_role_is_found() {
        let shared = "Globals:\n  Function:\n    Role: arn:aws:iam::1:role/all\nResources: {}\n";
        let findings = after(functions_have_roles_of_their_own, "template.yaml", shared);
        assert_eq!(findings.first().and_then(|finding| finding.line), Some(3));
    }

    #[test]
    fn missing_broken_and_orphaned_events_are_found() {
        assert_eq!(after(functions_have_events, "functions/health/Cargo.toml", "").len(), 1);
        assert_eq!(after(functions_have_events, "events/journal-create/broken.json", "{").len(), 1);
        assert_eq!(after(functions_have_events, "events/gone/success.json", "{}").len(), 1);
    }

    #[test]
    fn an_untested_function_is_found() {
        assert_eq!(after(functions_have_tests, "functions/health/Cargo.toml", "").len(), 1);
    }

    #[test]
    fn a_large_module_is_a_warning_and_a_larger_one_a_violation() {
        let module = |lines: usize| format!("{}// {}\n", "fn f() {}\n".repeat(lines), "\n// ".repeat(500));
        let check = |lines| modules_are_small(&Tree::of(&[("shared/src/a.rs", &module(lines))]));
        assert_eq!(check(250), []);
        assert!(check(251).iter().all(|finding| finding.is_warning) && check(251).len() == 1);
        assert!(check(401).iter().any(|finding| !finding.is_warning));
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", module(600));
        assert_eq!(modules_are_small(&Tree::of(&[("shared/src/a.rs", &tests)])), []);
    }

    #[test]
    fn meaningless_names_are_found() {
        assert_eq!(after(module_names_are_specific, "shared/src/cache/mod.rs", "").len(), 1);
        assert_eq!(after(module_names_are_specific, "shared/src/utils.rs", "").len(), 1);
        assert_eq!(after(module_names_are_specific, "shared/src/common/text.rs", "").len(), 1);
    }

    #[test]
    fn a_module_without_a_doc_is_found() {
        assert_eq!(after(modules_begin_with_a_doc, "shared/src/cache.rs", "use a::b;\n").len(), 1);
    }
}
