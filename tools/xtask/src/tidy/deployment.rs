//! Rules about the deployment of the functions.

use std::time::Duration;

use emulator::{Function, Template};
use serde_json::Value;

use super::Finding;
use super::permissions::may_use_backends;
use super::tree::{TEMPLATE, Tree};

const DATA: &str = "infra/data.yaml";
/// The longest time that an HTTP API waits for an integration, whatever the template sets.
const GATEWAY: Duration = Duration::from_secs(30);
const DATABASE: &str = "shared/db/src/lib.rs";
const MODEL: &str = "shared/llm/src/lib.rs";

/// Checks that each caller waits longer than its callee may take. The gateway waits for the
/// function, and the function waits for a write and for the model.
pub(super) fn timeouts_exceed_those_of_callees(tree: &Tree) -> Vec<Finding> {
    let functions = tree.template().map(|template| template.functions.as_slice()).unwrap_or_default();
    functions.iter().filter(|function| !function.routes.is_empty()).flat_map(|function| steps(tree, function)).collect()
}

fn steps(tree: &Tree, function: &Function) -> Vec<Finding> {
    let name = &function.logical_id;
    let mut findings = Vec::new();
    let mut below = |lower: Duration, upper: Duration, text: String| {
        if lower >= upper {
            findings.push(Finding::new(TEMPLATE, format!("{name}: {text}")));
        }
    };
    let timeout = function.timeout;
    for route in &function.routes {
        let (key, patience) = (route.key(), route.timeout);
        below(
            patience,
            GATEWAY,
            format!("the timeout of {key} is {patience:?}, and must be below the gateway's {GATEWAY:?}"),
        );
        below(timeout, patience, format!("its timeout is {timeout:?}, and must be below the {patience:?} of {key}"));
        if route.method.as_deref() != Some("GET") {
            let write = deadline(tree, DATABASE, "WRITE_DEADLINE");
            below(write, timeout, format!("its timeout is {timeout:?}, and must exceed the {write:?} of a write"));
        }
    }
    let folder = format!("functions/{}/src/", function.binary);
    if tree.files().any(|(path, text)| path.starts_with(&folder) && text.contains("llm::deadline")) {
        let model = deadline(tree, MODEL, "DEADLINE");
        below(model, timeout, format!("its timeout is {timeout:?}, and must exceed the {model:?} of the model"));
    }
    findings
}

/// Returns the value of a constant, or [`Duration::MAX`] if the constant is missing. No timeout
/// exceeds that value, so the rule reports the missing constant.
fn deadline(tree: &Tree, path: &str, name: &str) -> Duration {
    let definition = format!("const {name}: Duration = Duration::from_secs(");
    let number = tree.file(path).and_then(|text| text.split_once(&definition)?.1.split_once(')')?.0.parse().ok());
    number.map_or(Duration::MAX, Duration::from_secs)
}

/// Checks that every function writes to its own log group, and that every log group has a retention
/// period.
pub(super) fn log_groups_have_a_retention_period(tree: &Tree) -> Vec<Finding> {
    let functions = tree.template().map(|template| template.functions.as_slice()).unwrap_or_default();
    let of_another = functions.iter().filter_map(|function| {
        let expected = function.logical_id.replace("Function", "LogGroup");
        let text = format!(
            "{} writes to the log group {}, and must write to {expected}",
            function.logical_id, function.log_group
        );
        (function.log_group != expected).then(|| Finding::new(TEMPLATE, text))
    });
    let resources = tree.documents().flat_map(|(path, document)| document.resources().map(move |each| (path, each)));
    let endless = resources.filter(|(_, (_, resource))| {
        resource.pointer("/Type").is_some_and(|kind| kind == "AWS::Logs::LogGroup")
            && resource.pointer("/Properties/RetentionInDays").is_none()
    });
    let endless = endless.map(|(path, (id, _))| Finding::new(path, format!("{id}: a log group needs RetentionInDays")));
    of_another.chain(endless).collect()
}

/// Checks that the functions together cannot open more than four fifths of the connections that the
/// database accepts in prod. The last fifth is for migrations and for people.
pub(super) fn the_database_has_enough_connections(tree: &Tree) -> Vec<Finding> {
    let (Some((kept, overflow, taken)), Some(prod)) = (capacity(tree), prod(tree)) else {
        return vec![Finding::new(TEMPLATE, "cannot determine the number of connections in prod")];
    };
    let mut findings = Vec::new();
    let mut environments = 0;
    let users = prod.functions.iter().filter(|function| {
        tree.document(TEMPLATE).is_some_and(|template| may_use_backends(template, &function.logical_id))
    });
    for function in users {
        match function.reserved_concurrency {
            Some(reserved) => environments += reserved,
            None => findings.push(Finding::new(
                TEMPLATE,
                format!(
                    "{} may open any number of connections, because it reserves no concurrency in prod",
                    function.logical_id
                ),
            )),
        }
    }
    let wanted = environments * (kept + overflow);
    if wanted * 5 > taken * 4 {
        let text =
            format!("{environments} environments may open {wanted} connections, more than four fifths of {taken}");
        findings.push(Finding::new(TEMPLATE, text));
    }
    findings
}

/// Returns three connection counts: those that an environment retains, those that it may open in
/// addition, and the most that the database accepts in prod.
fn capacity(tree: &Tree) -> Option<(usize, usize, usize)> {
    let (template, data) = (tree.document(TEMPLATE)?, tree.document(DATA)?);
    let default = |name: &str| number(template.get(&format!("/Parameters/{name}/Default"))?);
    let units = template.get("/Mappings/Stages/prod/DatabaseMaxCapacity")?.as_str()?;
    let taken = number(data.get(&format!("/Mappings/MaxConnections/{units}/Value"))?)?;
    Some((default("DbPoolSize")?, default("DbMaxOverflow")?, taken))
}

/// Parses the root template with the parameters of prod.
fn prod(tree: &Tree) -> Option<Template> {
    Template::parse(&tree.document(TEMPLATE)?.clone().with_parameters(&[("Stage", "prod")])).ok()
}

/// Parses a number, which CloudFormation accepts as a string as well.
fn number(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => text.parse().ok(),
        value => value.as_u64()?.try_into().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: [(&str, &str); 3] = [
        (DATABASE, "const WRITE_DEADLINE: Duration = Duration::from_secs(3);"),
        (MODEL, "const DEADLINE: Duration = Duration::from_secs(20);"),
        ("functions/chat-send/src/main.rs", "let deadline = llm::deadline();"),
    ];
    const GOOD: &str = "Resources:
  ChatSendFunction:
    Type: AWS::Serverless::Function
    Metadata:
      BuildProperties:
        Binary: chat-send
    Properties:
      Timeout: 27
      LoggingConfig:
        LogGroup: !Ref ChatSendLogGroup
      Events:
        Request:
          Type: HttpApi
          Properties:
            Method: POST
            Path: /api/chat
            TimeoutInMillis: 29000

  ChatSendLogGroup:
    Type: AWS::Logs::LogGroup
    Properties:
      RetentionInDays: 30
";

    fn findings(rule: fn(&Tree) -> Vec<Finding>, template: &str) -> Vec<String> {
        let files = [CODE.as_slice(), &[(TEMPLATE, template)]].concat();
        rule(&Tree::of(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_caller_that_waits_too_briefly_is_found() {
        let found = |from: &str, to: &str| findings(timeouts_exceed_those_of_callees, &GOOD.replace(from, to));
        assert_eq!(found("27", "27"), Vec::<String>::new());
        for (from, to, part) in [
            ("29000", "30000", "the gateway's"),
            ("Timeout: 27", "Timeout: 29", "the 29s of POST /api/chat"),
            ("Timeout: 27", "Timeout: 20", "of the model"),
            ("Timeout: 27", "Timeout: 3", "of a write"),
        ] {
            let found = found(from, to);
            assert!(found.iter().any(|finding| finding.contains(part)), "{to}: {found:?}");
        }
        assert_eq!(
            timeouts_exceed_those_of_callees(&Tree::of(&[(TEMPLATE, GOOD)])).len(),
            1,
            "the missing deadline is found"
        );
    }

    #[test]
    fn a_shared_log_group_and_one_without_retention_are_found() {
        let found = |from: &str, to: &str| findings(log_groups_have_a_retention_period, &GOOD.replace(from, to));
        assert_eq!(found("x", "x"), Vec::<String>::new());
        assert!(found("!Ref ChatSendLogGroup", "shared")[0].contains("must write to ChatSendLogGroup"));
        assert!(found("      RetentionInDays: 30\n", "      KmsKeyId: x\n")[0].contains("needs RetentionInDays"));
        let nested = Tree::of(&[(DATA, "Resources:\n  Logs: { Type: AWS::Logs::LogGroup }\n")]);
        assert_eq!(log_groups_have_a_retention_period(&nested).len(), 1, "the log group of a nested stack is found");
    }

    const CAPACITY: &str = "Parameters:
  Stage:
    Default: dev
  DbPoolSize:
    Default: 1
  DbMaxOverflow:
    Default: 1
Mappings:
  Stages:
    prod: { DatabaseMaxCapacity: \"8\" }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Resources:
  ChatSendFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/chat-send
      ReservedConcurrentExecutions: !If [IsProd, 50, !Ref AWS::NoValue]
      Policies: [!Ref BackendAccess]
";

    #[test]
    fn too_many_connections_are_found() {
        let found = |from: &str, to: &str, taken: &str| {
            let (template, data) = (
                CAPACITY.replace(from, to),
                format!("Mappings:\n  MaxConnections:\n    \"8\": {{ Value: \"{taken}\" }}\n"),
            );
            let tree = Tree::of(&[(TEMPLATE, &template), (DATA, &data)]);
            the_database_has_enough_connections(&tree).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found("x", "x", "125"), Vec::<String>::new());
        assert!(found("x", "x", "124")[0].contains("100 connections"));
        assert!(found("IsProd, 50", "IsProd, 51", "125")[0].contains("51 environments"));
        assert!(found("Default: 1\nM", "Default: 2\nM", "125")[0].contains("150 connections"));
        assert!(found("ReservedConcurrentExecutions", "Tags", "125")[0].contains("any number"));
        assert!(found("prod: {", "other: {", "125")[0].contains("cannot determine"));
    }
}
