//! Rules about what is written in two places.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Finding;
use super::tokens::{Kind, tokens};
use super::tree::Tree;

const CONFIG: &str = "shared/src/config";
/// What `sam local` is given.
const LOCAL: &str = "env.json";
const STATUS: &str = "shared/src/http/status.rs";
const ERRORS: &str = "docs/errors.md";
const OPENAPI: &str = "docs/openapi.json";
/// What a path of the document may have besides parameters and the like.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// What the configuration reads is what the template sets. Lambda's own variables are in neither.
pub(super) fn variables_are_in_the_template(tree: &Tree) -> Vec<Finding> {
    let sources: Vec<_> = tree.files().filter(|(path, _)| path.starts_with(CONFIG)).collect();
    if sources.is_empty() {
        return vec![Finding::new(CONFIG, "it is missing")];
    }
    let read: BTreeMap<String, (&str, usize)> = sources
        .into_iter()
        .flat_map(|(path, text)| {
            let names = strings(text, |text| is_variable(text) && !text.starts_with("AWS_"));
            names.into_iter().map(move |(name, line)| (name, (path, line)))
        })
        .collect();
    let functions = tree.template().map(|template| template.functions.as_slice()).unwrap_or_default();
    let set: BTreeSet<&str> =
        functions.iter().flat_map(|function| function.variables.keys().map(String::as_str)).collect();
    let mut findings = Vec::new();
    for (name, (path, line)) in &read {
        if !set.contains(name.as_str()) {
            findings.push(Finding::at(*path, *line, format!("no function of template.yaml sets {name}")));
        }
    }
    // `sam local` passes over a variable that the template does not have.
    let local: Value = tree.file(LOCAL).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let unknown = local
        .get("Parameters")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys)
        .filter(|name| !set.contains(name.as_str()));
    findings.extend(unknown.map(|name| Finding::new(LOCAL, format!("no function of template.yaml has {name}"))));
    let unread = set.into_iter().filter(|name| !read.contains_key(*name));
    findings.extend(
        unread.map(|name| Finding::new("template.yaml", format!("{name} is set, and {CONFIG} does not read it"))),
    );
    findings
}

/// The table of errors and the page about them name the same codes.
pub(super) fn error_codes_are_documented(tree: &Tree) -> Vec<Finding> {
    let Some(status) = tree.file(STATUS) else { return vec![Finding::new(STATUS, "it is missing")] };
    let codes = strings(status, is_code);
    let documented: BTreeMap<&str, usize> = tree
        .file(ERRORS)
        .unwrap_or_default()
        .lines()
        .enumerate()
        .filter_map(|(index, line)| Some((first_cell(line)?, index + 1)))
        .collect();
    let missing = codes.iter().filter(|(code, _)| !documented.contains_key(code.as_str()));
    let missing = missing.map(|(code, line)| Finding::at(STATUS, *line, format!("`{code}` is not in {ERRORS}")));
    let unknown = documented.iter().filter(|(code, _)| !codes.contains_key(**code));
    let unknown = unknown.map(|(code, line)| Finding::at(ERRORS, *line, format!("`{code}` is not in {STATUS}")));
    missing.chain(unknown).collect()
}

/// The template and the OpenAPI document name the same routes. A test in `tools/openapi` checks that the document is the assembled one.
pub(super) fn routes_are_in_the_openapi_document(tree: &Tree) -> Vec<Finding> {
    let document = tree.file(OPENAPI).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(document) = document else { return vec![Finding::new(OPENAPI, "it is missing or no JSON")] };
    let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
    let described: BTreeSet<String> = paths
        .flat_map(|(path, item)| {
            let members = item.as_object().into_iter().flat_map(Map::keys);
            let methods = members.filter(|member| METHODS.contains(&member.as_str()));
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect();
    let functions = tree.template().map(|template| template.functions.as_slice()).unwrap_or_default();
    let served: BTreeSet<String> = functions
        .iter()
        .flat_map(|function| &function.routes)
        .map(|route| {
            format!("{} {}", route.method.as_deref().unwrap_or("ANY"), route.path.as_deref().unwrap_or("$default"))
        })
        .collect();
    let missing = served.difference(&described).map(|route| {
        Finding::new(
            OPENAPI,
            format!("{route} of template.yaml is not in it: declare it with #[utoipa::path] beside its handler, list the handler in tools/openapi, and run `cargo xtask openapi`"),
        )
    });
    let unserved = described.difference(&served);
    missing
        .chain(unserved.map(|route| Finding::new("template.yaml", format!("no function has {route} of {OPENAPI}"))))
        .collect()
}

/// Every migration can be reverted, their numbers have no gap, and the template names the newest, so that a deployment applies it.
pub(super) fn migrations_go_both_ways(tree: &Tree) -> Vec<Finding> {
    let names: BTreeSet<&str> =
        tree.files().filter_map(|(path, _)| path.strip_prefix("migrations/")?.strip_suffix(".sql")).collect();
    let mut findings = Vec::new();
    for name in &names {
        let path = format!("migrations/{name}.sql");
        match (name.strip_suffix(".up"), name.strip_suffix(".down")) {
            (Some(step), _) if !names.contains(format!("{step}.down").as_str()) => {
                findings.push(Finding::new(path, "there is no .down.sql for it"));
            }
            (_, Some(step)) if !names.contains(format!("{step}.up").as_str()) => {
                findings.push(Finding::new(path, "there is no .up.sql for it"));
            }
            (None, None) => findings.push(Finding::new(path, "a migration is NNNN_name.up.sql or NNNN_name.down.sql")),
            _ => {}
        }
    }
    let numbers: Vec<&str> = names
        .iter()
        .filter(|name| name.ends_with(".up"))
        .map(|name| name.split('_').next().unwrap_or_default())
        .collect();
    for (index, number) in numbers.iter().enumerate() {
        let expected = format!("{:04}", index + 1);
        if **number != *expected {
            findings.push(Finding::new("migrations", format!("{number} stands where {expected} is expected")));
        }
    }
    let template = tree.file("template.yaml").unwrap_or_default();
    let version = template.lines().enumerate().find_map(|(index, line)| {
        let value = line.trim().strip_prefix("SchemaVersion:")?;
        Some((index + 1, value.trim().trim_matches('"')))
    });
    match (version, numbers.last()) {
        (Some((line, version)), Some(newest)) if version != *newest => {
            findings.push(Finding::at(
                "template.yaml",
                line,
                format!("SchemaVersion is {version}, the newest migration {newest}"),
            ));
        }
        _ => {}
    }
    findings
}

/// The string literals of a source that are meant, outside of its tests, with the line of the first.
fn strings(source: &str, is_meant: fn(&str) -> bool) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for token in tokens(source) {
        if token.kind == Kind::String && is_meant(&token.text) {
            found.entry(token.text).or_insert(token.line);
        }
    }
    found
}

fn is_variable(text: &str) -> bool {
    text.contains('_') && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// A code is one word or several with `_` between; a title has capitals and spaces.
fn is_code(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// The code in the first cell of a row: the `x` of "| `x` | 404 | …".
fn first_cell(line: &str) -> Option<&str> {
    let cell = line.trim().strip_prefix('|')?.split('|').next()?.trim();
    cell.strip_prefix('`')?.strip_suffix('`').filter(|code| is_code(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "Globals:\n  Function:\n    Environment: { Variables: { DATABASE_URL: x, LOG_LEVEL: info } }\nResources:\n  HealthFunction:\n    Type: AWS::Serverless::Function\n    Properties: { Runtime: provided.al2023, CodeUri: functions/health }\n";

    fn variables(config: &str) -> Vec<String> {
        let local = r#"{"Parameters": {"DATABASE_URL": "x", "LOG_LEVEL": "x"}}"#;
        let local = if config.contains("LOCAL_ONLY") { r#"{"Parameters": {"DATABASE_URI": "x"}}"# } else { local };
        let tree = Tree::of(&[("template.yaml", TEMPLATE), ("shared/src/config.rs", config), (LOCAL, local)]);
        variables_are_in_the_template(&tree).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn a_variable_that_only_one_side_knows_is_found() {
        let both = "fn f() { read(\"DATABASE_URL\"); read(\"LOG_LEVEL\"); read(\"AWS_LAMBDA_MAX_CONCURRENCY\"); }";
        assert_eq!(variables(both), Vec::<String>::new());
        let findings = variables("fn f() {\n read(\"DATABASE_URL\");\n read(\"CACHE_KEY\"); }");
        assert_eq!(findings.len(), 2);
        assert!(findings.iter().any(|text| text.starts_with("shared/src/config.rs:3: ") && text.contains("CACHE_KEY")));
        assert!(findings.iter().any(|text| text.starts_with("template.yaml: LOG_LEVEL")));
        let both = "fn f() { read(\"DATABASE_URL\"); read(\"LOG_LEVEL\"); } // LOCAL_ONLY";
        assert_eq!(variables(both), ["env.json: no function of template.yaml has DATABASE_URI"]);
    }

    #[test]
    fn a_code_that_only_one_side_knows_is_found() {
        let status = "fn f() { kind(StatusCode::NOT_FOUND, \"not_found\", \"There is no such thing\") }";
        let check = |page: &str| error_codes_are_documented(&Tree::of(&[(STATUS, status), (ERRORS, page)])).len();
        assert_eq!(check("| code | status |\n|---|---|\n| `not_found` | 404 |\n"), 0);
        assert_eq!(check("The code `not_found` in a sentence does not count.\n"), 1);
        assert_eq!(check("| `not_found` | 404 |\n| `gone` | 410 |\n"), 1);
    }

    #[test]
    fn a_route_that_only_one_side_knows_is_found() {
        let template = "Resources:\n  AFunction:\n    Type: AWS::Serverless::Function\n    Properties:\n      Runtime: provided.al2023\n      CodeUri: functions/a\n      Events:\n        Get: { Type: HttpApi, Properties: { Method: GET, Path: \"/a/{id}\" } }\n";
        let check = |document: &str| {
            routes_are_in_the_openapi_document(&Tree::of(&[("template.yaml", template), (OPENAPI, document)]))
        };
        assert_eq!(check(r#"{"paths": {"/a/{id}": {"summary": "A", "parameters": [], "get": {}}}}"#), []);
        let missing = check(r#"{"paths": {}}"#);
        assert_eq!((missing.len(), missing.first().map(|finding| finding.path.as_str())), (1, Some(OPENAPI)));
        let wrong = check(r#"{"paths": {"/a/{id}": {"get": {}, "post": {}}, "/a/{name}": {"get": {}}}}"#);
        assert_eq!(wrong.iter().filter(|finding| finding.path == "template.yaml").count(), 2, "{wrong:?}");
        assert_eq!(check("{").len(), 1);
        assert_eq!(routes_are_in_the_openapi_document(&Tree::of(&[("template.yaml", template)])).len(), 1);
    }

    #[test]
    fn a_step_without_a_way_back_a_gap_and_a_forgotten_version_are_found() {
        let check = |files: &[(&str, &str)]| migrations_go_both_ways(&Tree::of(files)).len();
        let (up, down) = (("migrations/0001_a.up.sql", ""), ("migrations/0001_a.down.sql", ""));
        assert_eq!(check(&[up, down]), 0);
        assert_eq!(check(&[up]), 1);
        assert_eq!(check(&[up, down, ("migrations/0003_b.up.sql", ""), ("migrations/0003_b.down.sql", "")]), 1);
        assert_eq!(check(&[up, down, ("migrations/0002_b.sql", "")]), 1);
        let template = |version: &str| {
            format!("Resources:\n  M:\n    Type: Custom::M\n    Properties:\n      SchemaVersion: \"{version}\"\n")
        };
        assert_eq!(check(&[up, down, ("template.yaml", &template("0001"))]), 0);
        assert_eq!(check(&[up, down, ("template.yaml", &template("0002"))]), 1);
    }
}
