//! The `DynamoDB` tables of a template.

use emulator::{Emulator, Options};
use serde_json::{Value, json};

use crate::client::{Response, send};
use crate::test_emulator::{CATCH_ALL, TestEmulator, start, start_with, template};

const TABLE: &str = "
  Notes:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      TimeToLiveSpecification: {AttributeName: expires_at, Enabled: true}
  Fixture:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: fixture}
";

/// Calls DynamoDB directly, as an SDK does.
async fn call(test: &TestEmulator, operation: &str, request: &Value) -> Response {
    let address = test.emulator.dynamodb_url().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
    let target = format!("DynamoDB_20120810.{operation}");
    let signature =
        "AWS4-HMAC-SHA256 Credential=a/20261126/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";
    let headers = [
        ("X-Amz-Target", target.as_str()),
        ("Content-Type", "application/x-amz-json-1.0"),
        ("Authorization", signature),
        ("X-Amz-Date", "20261126T090000Z"),
    ];
    send(address, "POST", "/", &headers, request.to_string().as_bytes()).await
}

#[tokio::test]
async fn a_table_of_the_template_exists_and_functions_have_its_endpoint() {
    let test = start(TABLE).await;
    let table = call(&test, "DescribeTable", &json!({"TableName": "Notes"})).await.json();
    assert_eq!(table["Table"]["KeySchema"], json!([{"AttributeName": "pk", "KeyType": "HASH"}]));
    let expiry = call(&test, "DescribeTimeToLive", &json!({"TableName": "Notes"})).await.json();
    assert_eq!(expiry["TimeToLiveDescription"]["AttributeName"], "expires_at");
    let variables = &test.invoke(&json!({"describe": true})).await["variables"];
    assert_eq!(variables["AWS_ENDPOINT_URL_DYNAMODB"].as_str(), test.emulator.dynamodb_url());
}

#[tokio::test]
async fn items_survive_a_restart_in_a_file_and_not_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tables.sqlite");
    let item = json!({"pk": {"S": "a"}});
    let count = |test: TestEmulator| async move {
        let count = call(&test, "Scan", &json!({"TableName": "Notes"})).await.json()["Count"].clone();
        test.emulator.shutdown().await;
        count
    };
    let first = start_with(TABLE, |options| options.tables = Some(file.clone())).await;
    let put = call(&first, "PutItem", &json!({"TableName": "Notes", "Item": item})).await;
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(count(first).await, 1);
    assert_eq!(count(start_with(TABLE, |options| options.tables = Some(file.clone())).await).await, 1);
    assert_eq!(count(start(TABLE).await).await, 0);
}

#[tokio::test]
async fn without_a_table_there_is_no_dynamodb() {
    let test = start(CATCH_ALL).await;
    assert_eq!(test.emulator.dynamodb_url(), None);
    let variables = &test.get(&json!({"describe": true})).await.json()["variables"];
    assert!(variables.is_object() && variables.get("AWS_ENDPOINT_URL_DYNAMODB").is_none());
}

#[tokio::test]
async fn the_error_of_an_invalid_table_names_the_table() {
    let without_key = TABLE.replace("[{AttributeName: pk, KeyType: HASH}]", "[]");
    let options = Options { template: template(&without_key).unwrap(), ..Default::default() };
    let error = Emulator::start(options).await.unwrap_err().to_string();
    assert!(error.starts_with("Notes: KeySchema: "), "{error}");
}
