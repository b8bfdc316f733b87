//! The delivery of log lines to subscribed functions, and the storage of failed events.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use emulator::Options;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::test_emulator::{TestEmulator, start, start_with, template};
use crate::wait::{wait_until, with_timeout};

/// Returns a function that prints lines, and a function that subscribes to the lines with a
/// `Latency`.
fn resources(event: &str, rest: &str) -> String {
    format!(
        "
  PrinterLog: {{Type: AWS::Logs::LogGroup}}
  Printer:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: fixture, LoggingConfig: {{LogGroup: !Ref PrinterLog}}, Timeout: 10}}
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: fixture
      Environment: {{Variables: {{FIXTURE_EVENT: {event}}}}}
      EventInvokeConfig:
        MaximumRetryAttempts: 0
        DestinationConfig: {{OnFailure: {{Type: SQS, Destination: !GetAtt Failed.Arn}}}}
      Events:
        Lines: {{Type: CloudWatchLogs, Properties: {{LogGroupName: !Ref PrinterLog, FilterPattern: '{{ $.Latency >= 0 }}'}}}}
{rest}
  Failed:
    Type: AWS::SQS::Queue
    Properties: {{VisibilityTimeout: 0, RedrivePolicy: {{maxReceiveCount: 3, deadLetterTargetArn: !GetAtt Dead.Arn}}}}
  Dead: {{Type: AWS::SQS::Queue}}
"
    )
}

async fn print(test: &TestEmulator, lines: &[&str]) {
    let event = json!({"fixture": {"print": lines, "raw": "{}"}}).to_string();
    test.emulator.invoke("Printer", event).await.unwrap();
    // The next event then uses the same environment, and so the same log stream.
    test.emulator.idle().await;
}

/// Returns the events that the reader has received.
fn events(test: &TestEmulator) -> Vec<Value> {
    let lines = test.logs.lines();
    let lines = lines.iter().filter(|line| line.function == "Reader");
    lines.filter_map(|line| Some(serde_json::from_str(line.text.strip_prefix("event ")?).unwrap())).collect()
}

/// Decodes the data of an event.
fn decode(event: &Value) -> Value {
    let compressed = STANDARD.decode(event["awslogs"]["data"].as_str().unwrap()).unwrap();
    let mut text = String::new();
    GzDecoder::new(&compressed[..]).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn messages(data: &Value) -> Vec<&str> {
    data["logEvents"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_lines_that_a_pattern_selects_are_delivered_together_and_in_order() {
    let change = |options: &mut Options| options.log_period = Duration::from_secs(600);
    let test = start_with(&resources("print", ""), change).await;
    print(&test, &[r#"{"Latency":1}"#, "plain", r#"{"latency":2}"#, r#"{"Latency":3,"a":"ä"}"#]).await;
    print(&test, &[r#"{"Latency":4}"#]).await;
    with_timeout(test.emulator.delivered()).await;
    let events = events(&test);
    assert_eq!(events.len(), 1);
    let data = decode(&events[0]);
    assert_eq!(messages(&data), [r#"{"Latency":1}"#, r#"{"Latency":3,"a":"ä"}"#, r#"{"Latency":4}"#]);
    assert_eq!((&data["messageType"], &data["owner"]), (&json!("DATA_MESSAGE"), &json!("123456789012")));
    assert_eq!((&data["logGroup"], &data["subscriptionFilters"]), (&json!("PrinterLog"), &json!(["Lines"])));
    let environment = &test.logs.lines()[0].environment;
    assert!(data["logStream"].as_str().unwrap().ends_with(&format!("/[$LATEST]{environment}")), "{data}");
    let entries = data["logEvents"].as_array().unwrap();
    let ids: Vec<_> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted() && ids.iter().collect::<BTreeSet<_>>().len() == 3, "{ids:?}");
    assert!(ids.iter().all(|id| id.len() == 56 && id.bytes().all(|byte| byte.is_ascii_digit())), "{ids:?}");
    assert!(entries.iter().all(|entry| entry["timestamp"].as_i64().unwrap() > 1_700_000_000_000));
    // Lines are not delivered again, and an empty batch is not delivered.
    print(&test, &["plain"]).await;
    with_timeout(test.emulator.delivered()).await;
    assert_eq!(self::events(&test).len(), 1);
}

#[tokio::test]
async fn lines_are_delivered_after_a_period_without_a_flush() {
    let test = start(&resources("print", "")).await;
    print(&test, &[r#"{"Latency":1}"#]).await;
    test.find_line(|line| line.function == "Reader" && line.text.starts_with("event ")).await;
}

#[tokio::test]
async fn a_batch_has_the_lines_of_one_stream() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join("release");
    let test = start(&resources("print", "")).await;
    let event = json!({"fixture": {"print": [r#"{"Latency":1}"#], "wait-for": release, "raw": "{}"}}).to_string();
    let both_running = async {
        test.dispatched(2).await;
        fs::write(&release, "").unwrap();
    };
    let invoke = || test.emulator.invoke("Printer", event.clone());
    let (one, other, ()) = tokio::join!(invoke(), invoke(), both_running);
    assert!(one.is_ok() && other.is_ok());
    with_timeout(test.emulator.delivered()).await;
    let batches: Vec<_> = events(&test).iter().map(decode).collect();
    assert_eq!(batches.iter().map(|batch| messages(batch).len()).collect::<Vec<_>>(), [1, 1]);
    assert_ne!(batches[0]["logStream"], batches[1]["logStream"]);
}

#[tokio::test]
async fn a_shutdown_delivers_the_lines_that_were_printed_last() {
    let TestEmulator { emulator, logs } = start(&resources("print", "")).await;
    let event = json!({"fixture": {"print": [r#"{"Latency":1}"#], "raw": "{}"}}).to_string();
    emulator.invoke("Printer", event).await.unwrap();
    with_timeout(emulator.shutdown()).await;
    assert!(logs.lines().iter().any(|line| line.function == "Reader" && line.text.starts_with("event ")));
}

#[tokio::test]
async fn an_event_that_is_not_retried_any_more_is_stored_with_the_reason() {
    let test = start(&resources("fail", "")).await;
    print(&test, &[r#"{"Latency":1}"#]).await;
    with_timeout(test.emulator.delivered()).await;
    let failed = test.emulator.messages("Failed");
    assert_eq!(failed.len(), 1);
    let record: Value = serde_json::from_str(&failed[0]).unwrap();
    assert_eq!(messages(&decode(&record["requestPayload"])), [r#"{"Latency":1}"#]);
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 1);
    assert_eq!(
        record["requestContext"]["functionArn"],
        "arn:aws:lambda:us-east-1:123456789012:function:Reader:$LATEST"
    );
    assert_eq!(record["responsePayload"]["errorMessage"], "on purpose");
    let lines = test.logs.lines();
    assert!(
        lines
            .iter()
            .any(|line| line.text.contains("sending it to the failure destination: Fixture.Failed: on purpose"))
    );
}

#[tokio::test]
async fn a_message_that_fails_repeatedly_ends_in_the_dead_letter_queue() {
    let retry = "        Retry: {Type: SQS, Properties: {Queue: !GetAtt Failed.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}}";
    for (event, expected) in [("fail", 4), ("fail-items", 3)] {
        let test = start(&resources(event, retry)).await;
        if event == "fail" {
            print(&test, &[r#"{"Latency":1}"#]).await;
            with_timeout(test.emulator.delivered()).await;
        } else {
            // The reader handles log lines successfully here, so the test sends the message itself.
            test.emulator.send("Failed", "{}");
        }
        wait_until(|| !test.emulator.messages("Dead").is_empty()).await;
        assert_eq!(events(&test).len(), expected, "{event}");
        assert_eq!((test.emulator.messages("Dead").len(), test.emulator.messages("Failed").len()), (1, 0), "{event}");
        let counts: Vec<_> = events(&test)
            .iter()
            .filter_map(|event| {
                event["Records"][0]["attributes"]["ApproximateReceiveCount"].as_str().map(str::to_owned)
            })
            .collect();
        assert_eq!(counts, ["1", "2", "3"], "{event}");
    }
}

#[tokio::test]
async fn a_handled_message_leaves_the_queue() {
    let retry = "        Retry: {Type: SQS, Properties: {Queue: !GetAtt Failed.Arn, BatchSize: 2}}";
    let test = start(&resources("print", retry)).await;
    for body in ["1", "2", "3"] {
        test.emulator.send("Failed", body);
    }
    let records = || {
        let events = events(&test);
        let all = events.iter().flat_map(|event| event["Records"].as_array().unwrap().clone());
        all.map(|record| record["body"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    wait_until(|| records().len() >= 3).await;
    assert_eq!(records(), ["1", "2", "3"]);
    assert!(events(&test).iter().all(|event| event["Records"].as_array().unwrap().len() <= 2));
    with_timeout(test.emulator.idle()).await;
    assert!(test.emulator.messages("Failed").is_empty() && test.emulator.messages("Dead").is_empty());
}

#[test]
fn a_subscription_is_validated_when_the_template_is_parsed() {
    let reader = |log_group: &str, pattern: &str| {
        template(&format!(
            "
  Log: {{Type: AWS::Logs::LogGroup}}
  Reader:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: fixture
      LoggingConfig: {{LogGroup: !Ref Log}}
      Events: {{Lines: {{Type: CloudWatchLogs, Properties: {{LogGroupName: {log_group}, FilterPattern: '{pattern}'}}}}}}
"
        ))
    };
    let good = reader("/aws/lambda/other", "{ $.a = 1 }").unwrap();
    assert_eq!(good.functions[0].subscriptions[0].log_group, "/aws/lambda/other");
    for (log_group, pattern, expected) in [
        (
            "!Ref Log",
            "",
            "Reader: Events.Lines.Properties.LogGroupName: a function must not subscribe to its own log group",
        ),
        ("other", "ERROR", "Reader: Events.Lines.Properties.FilterPattern: expected a JSON pattern in braces"),
        ("''", "", "Reader: Events.Lines.Properties.LogGroupName: expected the name of a log group"),
    ] {
        let error = reader(log_group, pattern).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
