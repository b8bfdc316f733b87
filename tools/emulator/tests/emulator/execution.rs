//! The environment that a function sees, and the log of its invocations.

use emulator::Stream;
use jiff::Timestamp;
use serde_json::json;

use crate::test_emulator::{CATCH_ALL, binaries, start, start_with};

#[tokio::test]
async fn a_function_sees_the_environment_of_lambda_and_nothing_else() {
    let resources = "
  Fixture:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      MemorySize: 512
      FunctionName: a-name
      Environment: {Variables: {DECLARED: one, GIVEN: !GetAtt Table.Arn, CHANGED: old, LANG: C, AWS_REGION: nowhere}}
";
    let test = start_with(resources, |options| {
        options.variables.insert("GIVEN".to_owned(), "two".to_owned());
        options.variables.insert("CHANGED".to_owned(), "new".to_owned());
        options.variables.insert("UNDECLARED".to_owned(), "three".to_owned());
    })
    .await;
    let seen = test.invoke(&json!({"describe": true})).await;
    let variables = seen["variables"].as_object().unwrap();
    let names: Vec<_> = variables.keys().map(String::as_str).collect();
    let expected = "AWS_ACCESS_KEY_ID AWS_DEFAULT_REGION AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_NAME \
        AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME \
        AWS_LAMBDA_RUNTIME_API AWS_REGION AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_XRAY_CONTEXT_MISSING CHANGED DECLARED GIVEN \
        LAMBDA_RUNTIME_DIR LAMBDA_TASK_ROOT LANG PATH TZ _HANDLER";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    for (name, value) in [
        ("AWS_LAMBDA_FUNCTION_NAME", "a-name"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/a-name"),
        ("AWS_REGION", "us-east-1"),
        ("CHANGED", "new"),
        ("DECLARED", "one"),
        ("GIVEN", "two"),
        ("LANG", "C"),
        ("TZ", ":UTC"),
        ("_HANDLER", "bootstrap"),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
    assert_eq!(seen["folder"], binaries().to_str().unwrap());
    let headers = &seen["headers"];
    assert_eq!(headers["lambda-runtime-invoked-function-arn"], "arn:aws:lambda:us-east-1:123456789012:function:a-name");
    assert!(headers["lambda-runtime-trace-id"].as_str().unwrap().contains(";Parent="));
    let due: i64 = headers["lambda-runtime-deadline-ms"].as_str().unwrap().parse().unwrap();
    let left = due - Timestamp::now().as_millisecond();
    assert!((-60_000..=3_000).contains(&left), "{left} ms left of three seconds");
}

#[tokio::test]
async fn each_invocation_is_logged_as_on_lambda() {
    let test = start(CATCH_ALL).await;
    test.get(&json!({"print": ["one", "{\"_aws\":1}"], "eprint": "no line end"})).await;
    let printed: Vec<_> = test.logs.lines().into_iter().filter(|line| line.stream == Stream::Stdout).collect();
    assert_eq!(printed.len(), 2, "output from before the response is logged before the response");
    test.emulator.idle().await;
    test.get(&json!({"print-late": "late", "allocate": 64 * 1024 * 1024})).await;
    test.emulator.idle().await;
    let lines = test.logs.lines();
    let id = lines[0].text.strip_prefix("START RequestId: ").and_then(|rest| rest.strip_suffix(" Version: $LATEST"));
    let id = id.expect("the first line is START");
    let texts: Vec<&str> = lines.iter().map(|line| line.text.split('\t').next().unwrap()).collect();
    assert_eq!(texts[1..3], ["one", "{\"_aws\":1}"]);
    assert_eq!(texts[3..5], [format!("END RequestId: {id}"), format!("REPORT RequestId: {id}")]);
    let fields: Vec<&str> = lines[4].text.split('\t').collect();
    let names: Vec<&str> = fields.iter().map(|field| field.split(':').next().unwrap()).collect();
    assert_eq!(
        names,
        ["REPORT RequestId", "Duration", "Billed Duration", "Memory Size", "Max Memory Used", "Init Duration"]
    );
    let second = &lines[5..];
    assert!(second[0].text.starts_with("START"));
    assert_eq!(second[1].text, "late", "a line without a line break is not logged before the program exits");
    assert!(second[2].text.starts_with("END"), "output from after the response is logged before END");
    let memory = second[3].text.split_once("Max Memory Used: ").unwrap().1.strip_suffix(" MB").unwrap();
    assert!((64..128).contains(&memory.parse::<u32>().unwrap()), "{memory} MB and no init duration");
    assert!(lines.iter().all(|line| line.function == "fixture" && line.environment == lines[0].environment));
}
