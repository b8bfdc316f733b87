//! What functions print reaches whoever has subscribed to it, and what fails is kept.

use std::collections::BTreeSet;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::support::{World, start, template, within};

/// A function that prints what it is told to, and one that is given the lines with a `Latency`.
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

async fn print(world: &World, lines: &[&str]) {
    let event = json!({"fixture": {"print": lines, "raw": "{}"}}).to_string();
    world.emulator.invoke("Printer", event).await.unwrap();
}

/// The events that the reader was given.
fn events(world: &World) -> Vec<Value> {
    let lines = world.logs.lines();
    let lines = lines.iter().filter(|line| line.function == "Reader");
    lines.filter_map(|line| Some(serde_json::from_str(line.text.strip_prefix("event ")?).unwrap())).collect()
}

/// What is packed in an event.
fn data(event: &Value) -> Value {
    let packed = STANDARD.decode(event["awslogs"]["data"].as_str().unwrap()).unwrap();
    let mut text = String::new();
    GzDecoder::new(&packed[..]).read_to_string(&mut text).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn messages(data: &Value) -> Vec<&str> {
    data["logEvents"].as_array().unwrap().iter().map(|event| event["message"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn the_lines_that_a_pattern_selects_are_delivered_together_and_in_order() {
    let world = start(&resources("print", "")).await;
    print(&world, &[r#"{"Latency":1}"#, "plain", r#"{"latency":2}"#, r#"{"Latency":3,"a":"ä"}"#]).await;
    print(&world, &[r#"{"Latency":4}"#]).await;
    within(world.emulator.delivered()).await;
    let events = events(&world);
    assert_eq!(events.len(), 1);
    let data = data(&events[0]);
    assert_eq!(messages(&data), [r#"{"Latency":1}"#, r#"{"Latency":3,"a":"ä"}"#, r#"{"Latency":4}"#]);
    assert_eq!((&data["messageType"], &data["owner"]), (&json!("DATA_MESSAGE"), &json!("123456789012")));
    assert_eq!((&data["logGroup"], &data["subscriptionFilters"]), (&json!("PrinterLog"), &json!(["Lines"])));
    let environment = &world.logs.lines()[0].environment;
    assert!(data["logStream"].as_str().unwrap().ends_with(&format!("/[$LATEST]{environment}")), "{data}");
    let entries = data["logEvents"].as_array().unwrap();
    let ids: Vec<_> = entries.iter().map(|entry| entry["id"].as_str().unwrap()).collect();
    assert!(ids.is_sorted() && ids.iter().collect::<BTreeSet<_>>().len() == 3, "{ids:?}");
    assert!(ids.iter().all(|id| id.len() == 56 && id.bytes().all(|byte| byte.is_ascii_digit())), "{ids:?}");
    assert!(entries.iter().all(|entry| entry["timestamp"].as_i64().unwrap() > 1_700_000_000_000));
    // What was delivered is not delivered again, and nothing is no batch.
    print(&world, &["plain"]).await;
    within(world.emulator.delivered()).await;
    assert_eq!(self::events(&world).len(), 1);
}

#[tokio::test]
async fn lines_are_delivered_after_a_moment_without_being_asked_for() {
    let world = start(&resources("print", "")).await;
    print(&world, &[r#"{"Latency":1}"#]).await;
    within(world.logs.find(|line| line.function == "Reader" && line.text.starts_with("event "))).await;
}

#[tokio::test]
async fn a_batch_holds_lines_of_one_stream() {
    let world = start(&resources("print", "")).await;
    let slow = json!({"fixture": {"print": [r#"{"Latency":1}"#], "sleep": 300, "raw": "{}"}}).to_string();
    let both = (world.emulator.invoke("Printer", slow.clone()), world.emulator.invoke("Printer", slow));
    let (one, other) = tokio::join!(both.0, both.1);
    assert!(one.is_ok() && other.is_ok());
    within(world.emulator.delivered()).await;
    let batches: Vec<_> = events(&world).iter().map(data).collect();
    assert_eq!(batches.iter().map(|batch| messages(batch).len()).collect::<Vec<_>>(), [1, 1]);
    assert_ne!(batches[0]["logStream"], batches[1]["logStream"]);
}

#[tokio::test]
async fn what_is_printed_last_is_delivered_before_the_end() {
    let World { emulator, logs } = start(&resources("print", "")).await;
    let event = json!({"fixture": {"print": [r#"{"Latency":1}"#], "raw": "{}"}}).to_string();
    emulator.invoke("Printer", event).await.unwrap();
    within(emulator.shutdown()).await;
    assert!(logs.lines().iter().any(|line| line.function == "Reader" && line.text.starts_with("event ")));
}

#[tokio::test]
async fn an_event_that_fails_for_good_is_kept_with_the_reason() {
    let world = start(&resources("fail", "")).await;
    print(&world, &[r#"{"Latency":1}"#]).await;
    within(world.emulator.delivered()).await;
    let kept = world.emulator.messages("Failed");
    assert_eq!(kept.len(), 1);
    let record: Value = serde_json::from_str(&kept[0]).unwrap();
    assert_eq!(messages(&data(&record["requestPayload"])), [r#"{"Latency":1}"#]);
    assert_eq!(record["requestContext"]["condition"], "RetriesExhausted");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 1);
    assert_eq!(
        record["requestContext"]["functionArn"],
        "arn:aws:lambda:us-east-1:123456789012:function:Reader:$LATEST"
    );
    assert_eq!(record["responsePayload"]["errorMessage"], "on purpose");
    let told = world.logs.lines().into_iter().any(|line| line.text.contains("it is kept: Fixture.Failed: on purpose"));
    assert!(told);
}

#[tokio::test]
async fn a_message_that_fails_again_and_again_ends_in_the_dead_letter_queue() {
    let retry = "        Retry: {Type: SQS, Properties: {Queue: !GetAtt Failed.Arn, FunctionResponseTypes: [ReportBatchItemFailures]}}";
    for (event, given) in [("fail", 4), ("fail-items", 3)] {
        let world = start(&resources(event, retry)).await;
        if event == "fail" {
            print(&world, &[r#"{"Latency":1}"#]).await;
            within(world.emulator.delivered()).await;
        } else {
            // A function that answers well is never given its own failures; so here is one from elsewhere.
            world.emulator.send("Failed", "{}");
        }
        within(async {
            while world.emulator.messages("Dead").is_empty() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
        assert_eq!(events(&world).len(), given, "{event}");
        assert_eq!((world.emulator.messages("Dead").len(), world.emulator.messages("Failed").len()), (1, 0), "{event}");
        let counts: Vec<_> = events(&world)
            .iter()
            .filter_map(|event| {
                event["Records"][0]["attributes"]["ApproximateReceiveCount"].as_str().map(str::to_owned)
            })
            .collect();
        assert_eq!(counts, ["1", "2", "3"], "{event}");
    }
}

#[tokio::test]
async fn a_message_that_is_dealt_with_is_gone() {
    let retry = "        Retry: {Type: SQS, Properties: {Queue: !GetAtt Failed.Arn, BatchSize: 2}}";
    let world = start(&resources("print", retry)).await;
    for body in ["1", "2", "3"] {
        world.emulator.send("Failed", body);
    }
    let records = || {
        let events = events(&world);
        let all = events.iter().flat_map(|event| event["Records"].as_array().unwrap().clone());
        all.map(|record| record["body"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    within(async {
        while records().len() < 3 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(records(), ["1", "2", "3"]);
    assert!(events(&world).iter().all(|event| event["Records"].as_array().unwrap().len() <= 2));
    within(world.emulator.idle()).await;
    assert!(world.emulator.messages("Failed").is_empty() && world.emulator.messages("Dead").is_empty());
}

#[test]
fn a_subscription_is_checked_when_the_template_is_read() {
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
        ("!Ref Log", "", "Reader: Events.Lines.Properties.LogGroupName: a function may not be fed with its own log"),
        ("other", "ERROR", "Reader: Events.Lines.Properties.FilterPattern: a JSON pattern in braces is expected"),
        ("''", "", "Reader: Events.Lines.Properties.LogGroupName: the name of a log group is expected"),
    ] {
        let error = reader(log_group, pattern).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}
