//! Tables of DynamoDB.

use serde_json::{Value, json};

use crate::support::{Answer, World, send, start, start_with, template};

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

/// Calls DynamoDB as an SDK does, past the functions.
async fn call(world: &World, operation: &str, request: &Value) -> Answer {
    let address = world.emulator.dynamodb_url().unwrap().strip_prefix("http://").unwrap().parse().unwrap();
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
async fn a_table_of_the_template_is_there_and_functions_know_where() {
    let world = start(TABLE).await;
    let table = call(&world, "DescribeTable", &json!({"TableName": "Notes"})).await.json();
    assert_eq!(table["Table"]["KeySchema"], json!([{"AttributeName": "pk", "KeyType": "HASH"}]));
    let expiry = call(&world, "DescribeTimeToLive", &json!({"TableName": "Notes"})).await.json();
    assert_eq!(expiry["TimeToLiveDescription"]["AttributeName"], "expires_at");
    let variables = &world.invoke(&json!({"describe": true})).await["variables"];
    assert_eq!(variables["AWS_ENDPOINT_URL_DYNAMODB"].as_str(), world.emulator.dynamodb_url());
}

#[tokio::test]
async fn a_file_keeps_the_items_and_memory_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tables.sqlite");
    let item = json!({"pk": {"S": "a"}});
    let count = |world: World| async move {
        let count = call(&world, "Scan", &json!({"TableName": "Notes"})).await.json()["Count"].clone();
        world.emulator.shutdown().await;
        count
    };
    let kept = start_with(TABLE, |options| options.tables = Some(file.clone())).await;
    let put = call(&kept, "PutItem", &json!({"TableName": "Notes", "Item": item})).await;
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(count(kept).await, 1);
    assert_eq!(count(start_with(TABLE, |options| options.tables = Some(file.clone())).await).await, 1);
    assert_eq!(count(start(TABLE).await).await, 0);
}

#[tokio::test]
async fn without_a_table_there_is_no_dynamodb() {
    let world = start(crate::support::EVERYWHERE).await;
    assert_eq!(world.emulator.dynamodb_url(), None);
    let variables = &world.order(&json!({"describe": true})).await.json()["variables"];
    assert!(variables.is_object() && variables.get("AWS_ENDPOINT_URL_DYNAMODB").is_none());
}

#[tokio::test]
async fn a_table_that_dynamodb_refuses_is_named() {
    let nameless = TABLE.replace("[{AttributeName: pk, KeyType: HASH}]", "[]");
    let options = emulator::Options { template: template(&nameless).unwrap(), ..Default::default() };
    let error = emulator::Emulator::start(options).await.unwrap_err().to_string();
    assert!(error.starts_with("Notes: KeySchema: "), "{error}");
}
