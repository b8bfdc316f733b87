//! Rules that compare facts that are written in two places.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Finding;
use super::tree::Tree;

/// The page that is generated from the variables that the functions read.
const CONFIGURATION: &str = "docs/configuration.md";
/// The file that gives the variables to `sam local`.
const LOCAL: &str = "env.json";
const OPENAPI: &str = "docs/openapi.json";
/// The operations that a path of the OpenAPI document may have. Its other members, such as
/// `parameters`, are not operations.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Checks that the template sets exactly the variables that the functions read. Variables that
/// begin with `AWS_` are exempt, because Lambda sets them.
pub(super) fn variables_are_in_the_template(tree: &Tree) -> Vec<Finding> {
    let Some(page) = tree.file(CONFIGURATION) else { return vec![Finding::new(CONFIGURATION, "the file is missing")] };
    let rows = page.lines().zip(1..).filter_map(|(line, number)| Some((first_cell(line)?, number)));
    let read: BTreeMap<&str, usize> = rows.filter(|(name, _)| !name.starts_with("AWS_")).collect();
    let functions = tree.template().map(|template| template.functions.as_slice()).unwrap_or_default();
    let set: BTreeSet<&str> =
        functions.iter().flat_map(|function| function.variables.keys().map(String::as_str)).collect();
    let mut findings = Vec::new();
    for (name, line) in &read {
        if !set.contains(name) {
            findings.push(Finding::at(CONFIGURATION, *line, format!("no function of template.yaml sets {name}")));
        }
    }
    // `sam local` ignores a variable that the template does not set.
    let local: Value = tree.file(LOCAL).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let unknown = local
        .get("Parameters")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Map::keys)
        .filter(|name| !set.contains(name.as_str()));
    findings.extend(unknown.map(|name| Finding::new(LOCAL, format!("no function of template.yaml sets {name}"))));
    let unread = set.into_iter().filter(|name| !read.contains_key(*name));
    findings.extend(
        unread
            .map(|name| Finding::new("template.yaml", format!("{name} is set, but {CONFIGURATION} does not list it"))),
    );
    findings
}

/// Checks that the template and the OpenAPI document have the same routes. A test in
/// `tools/openapi` checks that the document is up to date.
pub(super) fn routes_are_in_the_openapi_document(tree: &Tree) -> Vec<Finding> {
    let document = tree.file(OPENAPI).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let Some(document) = document else { return vec![Finding::new(OPENAPI, "the file is missing or not valid JSON")] };
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
            format!("{route} of template.yaml is missing: declare it with #[utoipa::path] on its handler, and run `cargo xtask generate`"),
        )
    });
    let unserved = described.difference(&served);
    missing
        .chain(unserved.map(|route| Finding::new("template.yaml", format!("no function serves {route} of {OPENAPI}"))))
        .collect()
}

/// Checks that every migration can be reverted and that their numbers have no gap. Also checks that
/// the template names the newest migration, because a deployment applies it only then.
pub(super) fn migrations_go_both_ways(tree: &Tree) -> Vec<Finding> {
    let names: BTreeSet<&str> =
        tree.files().filter_map(|(path, _)| path.strip_prefix("migrations/")?.strip_suffix(".sql")).collect();
    let mut findings = Vec::new();
    for name in &names {
        let path = format!("migrations/{name}.sql");
        match (name.strip_suffix(".up"), name.strip_suffix(".down")) {
            (Some(step), _) if !names.contains(format!("{step}.down").as_str()) => {
                findings.push(Finding::new(path, "the migration has no .down.sql file"));
            }
            (_, Some(step)) if !names.contains(format!("{step}.up").as_str()) => {
                findings.push(Finding::new(path, "the migration has no .up.sql file"));
            }
            (None, None) => {
                findings.push(Finding::new(path, "a migration must be named NNNN_name.up.sql or NNNN_name.down.sql"))
            }
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
            findings.push(Finding::new(
                "migrations",
                format!("found the number {number} instead of {expected}; the numbers must have no gap"),
            ));
        }
    }
    if let (Some(template), Some(newest)) = (tree.document("template.yaml"), numbers.last()) {
        let versions = template.resources().filter_map(|(_, resource)| resource.pointer("/Properties/SchemaVersion"));
        let stale = versions.filter(|version| *version != newest);
        findings.extend(stale.map(|version| {
            Finding::new(
                "template.yaml",
                format!("SchemaVersion is {version}, but the newest migration is {newest}; run `cargo xtask generate`"),
            )
        }));
    }
    findings
}

/// Returns the `NAME` of a table row that begins with "| `NAME` |".
fn first_cell(line: &str) -> Option<&str> {
    Some(line.strip_prefix("| `")?.split_once("` |")?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "Globals:\n  Function:\n    Environment: { Variables: { DATABASE_URL: x, LOG_LEVEL: info } }\nResources:\n  HealthFunction:\n    Type: AWS::Serverless::Function\n    Properties: { Runtime: provided.al2023, CodeUri: functions/health }\n";

    fn variables(page: &str, local: &str) -> Vec<String> {
        let tree = Tree::of(&[("template.yaml", TEMPLATE), (CONFIGURATION, page), (LOCAL, local)]);
        variables_are_in_the_template(&tree).into_iter().map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn a_variable_that_only_one_side_has_is_found() {
        let local = r#"{"Parameters": {"DATABASE_URL": "x", "LOG_LEVEL": "x"}}"#;
        let both = "| variable |\n|---|\n| `DATABASE_URL` | x |\n| `LOG_LEVEL` | x |\n| `AWS_REGION` | x |\n";
        assert_eq!(variables(both, local), Vec::<String>::new());
        let findings = variables("| `DATABASE_URL` | x |\n\n| `CACHE_KEY` | x |\n", local);
        assert_eq!(findings.len(), 2);
        assert!(
            findings.iter().any(|text| text.starts_with("docs/configuration.md:3: ") && text.contains("CACHE_KEY"))
        );
        assert!(findings.iter().any(|text| text.starts_with("template.yaml: LOG_LEVEL")));
        let local = r#"{"Parameters": {"DATABASE_URI": "x"}}"#;
        assert_eq!(variables(both, local), ["env.json: no function of template.yaml sets DATABASE_URI"]);
    }

    #[test]
    fn a_route_that_only_one_side_has_is_found() {
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
    fn an_irreversible_migration_a_gap_and_an_old_schema_version_are_found() {
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
