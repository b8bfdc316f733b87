//! Rules about how the functions are deployed.

use std::time::Duration;

use emulator::Function;

use super::Finding;
use super::tree::{Tree, block};

const TEMPLATE: &str = "template.yaml";
const DATA: &str = "infra/data.yaml";
const ALARMS: &str = "infra/functions.yaml";
/// An HTTP API waits no longer for an integration, whatever the template says.
const GATEWAY: Duration = Duration::from_secs(30);
const DATABASE: &str = "shared/src/db.rs";
const MODEL: &str = "shared/src/llm.rs";

/// Whoever waits waits longer than what they wait for: the gateway for the function, the function for a write and for the model.
pub(super) fn timeouts_are_a_ladder(tree: &Tree) -> Vec<Finding> {
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
        below(patience, GATEWAY, format!("{key} is waited for for {patience:?}, and no gateway waits for {GATEWAY:?}"));
        below(timeout, patience, format!("it may take {timeout:?}, and {key} is waited for for {patience:?}"));
        if route.method.as_deref() != Some("GET") {
            let write = deadline(tree, DATABASE, "WRITE_DEADLINE");
            below(write, timeout, format!("it may take {timeout:?}, and a write alone takes up to {write:?}"));
        }
    }
    let folder = format!("functions/{}/src/", function.binary);
    if tree.files().any(|(path, text)| path.starts_with(&folder) && text.contains("llm::deadline")) {
        let model = deadline(tree, MODEL, "DEADLINE");
        below(model, timeout, format!("it may take {timeout:?}, and the model alone takes up to {model:?}"));
    }
    findings
}

/// The seconds of a constant; so long that nothing waits for it when it is not there any more.
fn deadline(tree: &Tree, path: &str, name: &str) -> Duration {
    let definition = format!("const {name}: Duration = Duration::from_secs(");
    let number = tree.file(path).and_then(|text| text.split_once(&definition)?.1.split_once(')')?.0.parse().ok());
    number.map_or(Duration::MAX, Duration::from_secs)
}

/// Every function writes to a log group of its own, and each of them forgets after some time.
pub(super) fn logs_are_kept_for_a_while(tree: &Tree) -> Vec<Finding> {
    let functions = tree.template().map(|template| template.functions.as_slice()).unwrap_or_default();
    let of_another = functions.iter().filter_map(|function| {
        let expected = function.logical_id.replace("Function", "LogGroup");
        let text = format!("{} writes to {}, and should to {expected}", function.logical_id, function.log_group);
        (function.log_group != expected).then(|| Finding::new(TEMPLATE, text))
    });
    let lines: Vec<_> = tree.file(TEMPLATE).unwrap_or_default().lines().map(str::trim).collect();
    let endless = lines.iter().enumerate().filter(|(index, line)| {
        let mut rest = lines.iter().skip(index + 1).take_while(|line| !line.is_empty());
        **line == "Type: AWS::Logs::LogGroup" && !rest.any(|line| line.starts_with("RetentionInDays:"))
    });
    let endless = endless.map(|(index, _)| Finding::at(TEMPLATE, index + 1, "a log group needs RetentionInDays"));
    of_another.chain(endless).collect()
}

/// In prod, all functions together cannot want more connections than the database takes, a fifth being left for migrations and for people.
pub(super) fn connections_suffice(tree: &Tree) -> Vec<Finding> {
    let (template, data) = (tree.file(TEMPLATE).unwrap_or_default(), tree.file(DATA).unwrap_or_default());
    let default = |name: &str| number(after(template, &format!("  {name}:\n"), "Default: "));
    let capacity = after(template, "    prod: {", "DatabaseMaxCapacity: ").and_then(|rest| rest.split('"').nth(1));
    let taken = capacity.and_then(|capacity| number(after(data, &format!("    \"{capacity}\": {{"), "Value: \"")));
    let (Some(kept), Some(overflow), Some(taken)) = (default("DbPoolSize"), default("DbMaxOverflow"), taken) else {
        return vec![Finding::new(TEMPLATE, "how many connections there are cannot be told")];
    };
    let mut findings = Vec::new();
    let mut environments = 0;
    for function in tree.template().map(|template| template.functions.as_slice()).unwrap_or_default() {
        let block: Vec<_> = block(tree, TEMPLATE, &function.logical_id).collect();
        if block.iter().any(|line| line.contains("!Ref BackendAccess")) {
            let reserved =
                block.iter().find_map(|line| line.trim().strip_prefix("ReservedConcurrentExecutions: !If [IsProd, "));
            match number(reserved) {
                Some(reserved) => environments += reserved,
                None => findings.push(Finding::new(
                    TEMPLATE,
                    format!(
                        "{} may open any number of connections: it reserves no concurrency in prod",
                        function.logical_id
                    ),
                )),
            }
        }
    }
    let wanted = environments * (kept + overflow);
    if wanted * 5 > taken * 4 {
        let text =
            format!("{environments} environments may want {wanted} connections, and four fifths of {taken} are there");
        findings.push(Finding::new(TEMPLATE, text));
    }
    findings
}

/// Every function has an alarm of its own.
pub(super) fn functions_have_alarms(tree: &Tree) -> Vec<Finding> {
    let functions = tree.template().map(|template| template.functions.as_slice()).unwrap_or_default();
    let unwatched = functions.iter().filter_map(|function| {
        let name = &function.logical_id;
        let handed_over =
            block(tree, TEMPLATE, "FunctionAlarms").any(|line| line.trim() == format!("{name}: !Ref {name}"));
        let (alarm, dimension) =
            (name.replace("Function", "Alarm"), format!("{{ Name: FunctionName, Value: !Ref {name} }}"));
        let watched = block(tree, ALARMS, &alarm).filter(|line| line.contains(&dimension));
        // Its errors and its calls.
        (!handed_over || watched.count() != 2)
            .then(|| Finding::new(ALARMS, format!("{name} has no alarm, or that of another")))
    });
    unwatched.collect()
}

/// What stands after the second text, which is looked for after the first.
fn after<'a>(text: &'a str, first: &str, second: &str) -> Option<&'a str> {
    Some(text.split_once(first)?.1.split_once(second)?.1)
}

/// The number that a text begins with.
fn number(text: Option<&str>) -> Option<usize> {
    text?.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: [(&str, &str); 3] = [
        (DATABASE, "const WRITE_DEADLINE: Duration = Duration::from_secs(3);"),
        (MODEL, "const DEADLINE: Duration = Duration::from_secs(20);"),
        ("functions/chat-send/src/lib.rs", "let deadline = llm::deadline();"),
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
    fn whoever_waits_too_briefly_is_found() {
        let found = |from: &str, to: &str| findings(timeouts_are_a_ladder, &GOOD.replace(from, to));
        assert_eq!(found("27", "27"), Vec::<String>::new());
        for (from, to, part) in [
            ("29000", "30000", "no gateway waits"),
            ("Timeout: 27", "Timeout: 29", "POST /api/chat is waited for for 29s"),
            ("Timeout: 27", "Timeout: 20", "the model alone"),
            ("Timeout: 27", "Timeout: 3", "a write alone"),
        ] {
            let found = found(from, to);
            assert!(found.iter().any(|finding| finding.contains(part)), "{to}: {found:?}");
        }
        assert_eq!(
            timeouts_are_a_ladder(&Tree::of(&[(TEMPLATE, GOOD)])).len(),
            1,
            "a deadline that is not there any more"
        );
    }

    #[test]
    fn logs_that_are_shared_or_never_forgotten_are_found() {
        let found = |from: &str, to: &str| findings(logs_are_kept_for_a_while, &GOOD.replace(from, to));
        assert_eq!(found("x", "x"), Vec::<String>::new());
        assert!(found("!Ref ChatSendLogGroup", "shared")[0].contains("should to ChatSendLogGroup"));
        assert!(found("      RetentionInDays: 30\n", "      KmsKeyId: x\n")[0].contains("needs RetentionInDays"));
    }

    const CAPACITY: &str = "Parameters:
  DbPoolSize:
    Default: 1
  DbMaxOverflow:
    Default: 1
Mappings:
  Stages:
    prod: { DatabaseMaxCapacity: \"8\" }
Conditions:
  IsProd: !Equals [dev, prod]
Resources:
  ChatSendFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/chat-send
      ReservedConcurrentExecutions: !If [IsProd, 50, !Ref AWS::NoValue]
      Policies: [!Ref BackendAccess]

  FunctionAlarms:
    Type: AWS::CloudFormation::Stack
    Properties:
      Parameters:
        ChatSendFunction: !Ref ChatSendFunction
";

    #[test]
    fn more_connections_than_there_are_are_found() {
        let found = |from: &str, to: &str, taken: &str| {
            let (template, data) = (CAPACITY.replace(from, to), format!("    \"8\": {{ Value: \"{taken}\" }}\n"));
            let tree = Tree::of(&[(TEMPLATE, &template), (DATA, &data)]);
            connections_suffice(&tree).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found("x", "x", "125"), Vec::<String>::new());
        assert!(found("x", "x", "124")[0].contains("100 connections"));
        assert!(found("IsProd, 50", "IsProd, 51", "125")[0].contains("51 environments"));
        assert!(found("Default: 1\nM", "Default: 2\nM", "125")[0].contains("150 connections"));
        assert!(found("ReservedConcurrentExecutions", "Tags", "125")[0].contains("any number"));
        assert!(found("prod: {", "other: {", "125")[0].contains("cannot be told"));
    }

    #[test]
    fn a_function_without_an_alarm_of_its_own_is_found() {
        let alarms = "  ChatSendAlarm:\n    - { Name: FunctionName, Value: !Ref ChatSendFunction }\n    - { Name: FunctionName, Value: !Ref ChatSendFunction }\n";
        let found = |from: &str, to: &str| {
            let (template, alarms) = (CAPACITY.replace(from, to), alarms.replacen(from, to, 1));
            functions_have_alarms(&Tree::of(&[(TEMPLATE, &template), (ALARMS, &alarms)])).len()
        };
        assert_eq!(found("x", "x"), 0);
        let others = [
            ("ChatSendFunction: !Ref Chat", "ChatSendFunction: !Ref Other"),
            ("Value: !Ref ChatSend", "Value: !Ref Docs"),
            ("ChatSendAlarm:", "DocsAlarm:"),
        ];
        for (from, to) in others {
            assert_eq!(found(from, to), 1, "{to}");
        }
    }
}
