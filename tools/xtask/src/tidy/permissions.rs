//! The rule that a function has exactly the permissions that its code needs.

use std::collections::BTreeSet;

use emulator::{Document, Function};
use serde_json::Value;

use super::Finding;
use super::tree::{TEMPLATE, Tree};

/// The methods of the AWS SDK's clients, and the permission that each of them needs. A transaction
/// needs the permissions of its writes, all of which put items.
const CALLS: [(&str, &str); 7] = [
    (".batch_get_item()", "dynamodb:BatchGetItem"),
    (".batch_write_item()", "dynamodb:BatchWriteItem"),
    (".describe_replication_groups()", "elasticache:DescribeReplicationGroups"),
    (".describe_serverless_caches()", "elasticache:DescribeServerlessCaches"),
    (".put_item()", "dynamodb:PutItem"),
    (".query()", "dynamodb:Query"),
    (".transact_write_items()", "dynamodb:PutItem"),
];
/// The calls that create a function's state. A function with a state reads the secret and signs in
/// to the backends.
const WITH_STATE: [&str; 3] = ["shared::run(", "shared::run_with_resources(", "State::try_from("];
const BACKENDS: &str = "!Ref BackendAccess";
const BACKEND_POLICY: &str = "BackendAccess";
/// The call of a function that uses the database without a state, and the permissions that the
/// function needs. The function reads a secret of its own, which a key of the stack may encrypt.
const WITH_DATABASE: (&str, [&str; 2]) = ("variables.database()", ["kms:Decrypt", "secretsmanager:GetSecretValue"]);

/// Checks that each function has the permissions that its code needs, and no others.
pub(super) fn permissions_match_the_code(tree: &Tree) -> Vec<Finding> {
    let functions = tree.template().map(|template| template.functions.as_slice()).unwrap_or_default();
    functions.iter().flat_map(|function| differences(tree, function)).collect()
}

fn differences(tree: &Tree, function: &Function) -> Vec<Finding> {
    let name = &function.logical_id;
    let permitted = tree.document(TEMPLATE).map(|document| permitted(document, name)).unwrap_or_default();
    let needed = needed(tree, &function.binary);
    let finding = |permission: &String, what: &str| Finding::new(TEMPLATE, format!("{name} {what} {permission}"));
    let missing =
        needed.difference(&permitted).map(|permission| finding(permission, "lacks a permission that its code needs:"));
    let idle = permitted
        .difference(&needed)
        .map(|permission| finding(permission, "has a permission that its code does not need:"));
    missing.chain(idle).collect()
}

/// Returns whether a function may sign in to the database and to the cache.
pub(super) fn may_use_backends(template: &Document, logical_id: &str) -> bool {
    permitted(template, logical_id).contains(BACKENDS)
}

/// Returns the actions of a function's policies. Actions with a condition are included.
fn permitted(template: &Document, logical_id: &str) -> BTreeSet<String> {
    let mut permitted = BTreeSet::new();
    if let Some(policies) = template.get(&format!("/Resources/{logical_id}/Properties/Policies")) {
        collect_actions(policies, &mut permitted);
    }
    permitted
}

fn collect_actions(policies: &Value, actions: &mut BTreeSet<String>) {
    match policies {
        Value::Array(items) => items.iter().for_each(|item| collect_actions(item, actions)),
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("Action", Value::String(action)) => actions.extend([action.clone()]),
                    ("Action", Value::Array(all)) => {
                        actions.extend(all.iter().filter_map(Value::as_str).map(str::to_owned))
                    }
                    ("Ref", Value::String(policy)) if policy == BACKEND_POLICY => actions.extend([BACKENDS.to_owned()]),
                    _ => collect_actions(value, actions),
                }
            }
        }
        _ => {}
    }
}

/// Returns the permissions that a function's sources need, and those of the `request-stats` methods
/// that it calls.
fn needed(tree: &Tree, binary: &str) -> BTreeSet<String> {
    let folder = format!("functions/{binary}/src/");
    let own: Vec<&str> = tree.files().filter(|(path, _)| path.starts_with(&folder)).map(|(_, text)| text).collect();
    let uses = |pattern: &str| own.iter().any(|text| text.contains(pattern));
    let tables = tree.files().filter(|(path, text)| {
        let methods = text.split("pub async fn ").skip(1).filter_map(|rest| rest.split_once('('));
        path.starts_with("shared/request-stats/src/table/")
            && uses("use request_stats::")
            && methods.into_iter().any(|(method, _)| uses(&format!(".{method}(")))
    });
    let sdk = own.iter().copied().filter(|text| text.contains("aws_sdk_"));
    let sources: Vec<&str> = sdk.chain(tables.map(|(_, text)| text)).collect();
    let calls = CALLS.iter().filter(|(call, _)| sources.iter().any(|text| text.contains(call)));
    let mut needed: BTreeSet<String> = calls.map(|(_, permission)| (*permission).to_owned()).collect();
    if WITH_STATE.iter().any(|start| uses(start)) {
        needed.insert(BACKENDS.to_owned());
    }
    if uses(WITH_DATABASE.0) {
        needed.extend(WITH_DATABASE.1.map(str::to_owned));
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "Resources:
  HealthDetailedFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/health-detailed
      Policies:
        - !Ref BackendAccess
        - Statement:
            - Effect: Allow
              Action: [dynamodb:Query, dynamodb:BatchWriteItem]

  DocsFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/docs
";
    const CODE: [(&str, &str); 4] = [
        (
            "functions/health-detailed/src/main.rs",
            "use request_stats::Table;\nfn f() { shared::run(x); table.report(w); table.reset(); }",
        ),
        ("functions/docs/src/main.rs", "fn f() { shared::run_without_state(x); request.query() }"),
        ("shared/request-stats/src/table/read.rs", "pub async fn report(&self) { self.client.query() }"),
        ("shared/request-stats/src/table/reset.rs", "pub async fn reset(&self) { self.client.batch_write_item() }"),
    ];

    fn found(from: &str, to: &str) -> Vec<String> {
        let template = GOOD.replace(from, to);
        let files = [
            CODE.as_slice(),
            &[
                (TEMPLATE, &template),
                ("shared/request-stats/src/table/add.rs", "pub async fn add(&self) { .put_item() }"),
            ],
        ]
        .concat();
        permissions_match_the_code(&Tree::of(&files)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_missing_and_an_unneeded_permission_are_found() {
        assert_eq!(found("x", "x"), Vec::<String>::new());
        for (from, to, expected) in [
            ("dynamodb:Query, ", "", "HealthDetailedFunction lacks a permission that its code needs: dynamodb:Query"),
            ("Query", "Scan", "HealthDetailedFunction has a permission that its code does not need: dynamodb:Scan"),
            ("BatchWriteItem]", "BatchWriteItem, dynamodb:PutItem]", "does not need: dynamodb:PutItem"),
            ("dynamodb:Query, dynamodb:BatchWriteItem", "\"*\"", "does not need: *"),
            (
                "        - !Ref BackendAccess\n",
                "",
                "HealthDetailedFunction lacks a permission that its code needs: !Ref BackendAccess",
            ),
            (
                "functions/docs\n",
                "functions/docs\n      Policies: [!Ref BackendAccess]\n",
                "DocsFunction has a permission that its code does not need:",
            ),
        ] {
            let found = found(from, to);
            assert!(found.iter().any(|finding| finding.contains(expected)), "{to}: {found:?}");
        }
    }
}
