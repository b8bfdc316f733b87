use std::time::{Duration, Instant};

use emulator::{EnvironmentState, InvocationError, Stream};
use serde_json::{Value, json};

use crate::support::{EVERYWHERE, binaries, folder_of, gone, process_state, send, start, start_with, within};

const ERROR: &str = r#"{"message":"Internal Server Error"}"#;

/// The fixture with this timeout in seconds, and this order for its start.
fn fixture(timeout: u32, init: &str) -> String {
    format!(
        "
  Fixture:
    Type: AWS::Serverless::Function
    Metadata: {{BuildProperties: {{Binary: fixture}}}}
    Properties:
      Timeout: {timeout}
      Environment: {{Variables: {{FIXTURE_INIT: '{init}'}}}}
      Events: {{All: {{Type: HttpApi}}}}
"
    )
}

#[tokio::test]
async fn an_idle_environment_is_stopped_and_the_same_one_goes_on() {
    let world = start(EVERYWHERE).await;
    let first = world.invoke(&json!({"count": true})).await;
    world.emulator.idle().await;
    let pid = first["pid"].as_u64().unwrap() as u32;
    assert_eq!(process_state(pid), Some('T'));
    assert_eq!(world.emulator.environments()[0].state, EnvironmentState::Frozen);
    let second = world.invoke(&json!({"count": true})).await;
    assert_eq!((&second["pid"], &second["count"]), (&first["pid"], &json!(2)));
    assert_eq!(world.emulator.environments()[0].invocations, 2);

    let world = start_with(EVERYWHERE, |options| options.freeze = false).await;
    let pid = world.invoke(&json!({"count": true})).await["pid"].as_u64().unwrap() as u32;
    world.emulator.idle().await;
    assert_ne!(process_state(pid), Some('T'));
}

#[tokio::test]
async fn a_late_function_is_killed_and_replaced() {
    let world = start(&fixture(1, "")).await;
    let first = world.invoke(&json!({"count": true})).await;
    let started = Instant::now();
    let answer = world.order(&json!({"sleep": 60_000})).await;
    assert_eq!((answer.status, answer.text()), (500, ERROR));
    assert!(started.elapsed() >= Duration::from_secs(1) && started.elapsed() < Duration::from_secs(20));
    gone(first["pid"].as_u64().unwrap() as u32).await;
    let late = world.logs.find(|line| line.text.contains("Task timed out after 1.00 seconds")).await;
    assert_eq!(late.stream, Stream::Platform);
    let report = world.logs.find(|line| line.text.contains("Status: timeout")).await.text;
    assert!(report.contains("Duration: 10"), "{report}");
    let second = world.invoke(&json!({"count": true})).await;
    assert_ne!(first["pid"], second["pid"]);
    assert_eq!(second["count"], 1);

    let event = json!({"fixture": {"sleep": 60_000}}).to_string();
    let Err(InvocationError::Function(error)) = world.emulator.invoke("fixture", event).await else { panic!("late") };
    assert_eq!(error.error_type, "Sandbox.Timedout");
}

#[tokio::test]
async fn work_after_the_answer_counts_against_the_timeout_too() {
    let world = start(&fixture(1, "")).await;
    let pid = world.emulator.environments().len();
    assert_eq!(pid, 0);
    assert_eq!(world.order(&json!({"linger": 60_000})).await.status, 200);
    let pid = world.emulator.environments()[0].pid;
    gone(pid).await;
    assert_eq!(world.order(&json!({})).await.status, 200);
}

#[tokio::test]
async fn a_crash_is_reported_and_the_environment_replaced() {
    let world = start(EVERYWHERE).await;
    for (order, text) in [(json!({"exit": 7}), "exit status 7"), (json!({"abort": true}), "signal: 6")] {
        let answer = world.order(&order).await;
        assert_eq!((answer.status, answer.text()), (500, ERROR));
        let event = json!({"fixture": order}).to_string();
        let Err(InvocationError::Function(error)) = world.emulator.invoke("fixture", event).await else {
            panic!("alive")
        };
        assert_eq!(error.error_type, "Runtime.ExitError");
        assert!(error.to_string().contains(&format!("Runtime exited with error: {text}")), "{error}");
    }
    let event = json!({"fixture": {"exit": 0}}).to_string();
    let error = world.emulator.invoke("fixture", event).await.unwrap_err();
    assert!(error.to_string().contains("Runtime exited without providing a reason"), "{error}");
    world.logs.find(|line| line.text.contains("Error Type: Runtime.ExitError")).await;
    assert_eq!(world.order(&json!({})).await.status, 200);
}

#[tokio::test]
async fn a_program_that_ends_while_it_is_idle_is_replaced_unnoticed() {
    let world = start_with(EVERYWHERE, |options| options.max_environments = 1).await;
    let first = world.invoke(&json!({"count": true})).await;
    world.emulator.idle().await;
    let pid = first["pid"].as_u64().unwrap();
    std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    gone(pid as u32).await;
    within(async {
        while !world.emulator.environments().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_ne!(world.invoke(&json!({"count": true})).await["pid"], first["pid"]);
}

#[tokio::test]
async fn a_failed_start_is_tried_again_within_the_invocation() {
    let folder = tempfile::tempdir().unwrap();
    let marker = folder.path().join("marker");
    let world = start(&fixture(5, &format!("fail-once:{}", marker.display()))).await;
    assert_eq!(world.order(&json!({})).await.status, 200);
    let report = world.line("INIT_REPORT").await;
    assert!(report.contains("Phase: init\tStatus: error\tError Type: Runtime.ExitError"), "{report}");
    let report = world.line("REPORT").await;
    assert!(!report.contains("Init Duration"), "the second start is part of the invocation: {report}");
}

#[tokio::test]
async fn a_start_that_fails_twice_fails_the_invocation_with_its_own_words() {
    let world = start(&fixture(5, "error")).await;
    let error = world.emulator.invoke("fixture", "{}").await.unwrap_err();
    assert_eq!(error.to_string(), "Fixture.Unfit: cannot start");
    assert_eq!(world.order(&json!({})).await.status, 500);
    let phases = world.logs.lines().into_iter().filter(|line| line.text.starts_with("INIT_REPORT"));
    let phases: Vec<_> = phases.map(|line| line.text.contains("Phase: invoke")).collect();
    assert_eq!(phases, [false, true, false, true]);
    assert_eq!(world.line("init/error").await, "init/error 202");

    let world = start(&fixture(5, "exit:3")).await;
    let error = world.emulator.invoke("fixture", "{}").await.unwrap_err();
    assert_eq!(error.to_string(), "Runtime.ExitError: Error: Runtime exited with error: exit status 3");
    assert_eq!(world.emulator.environments(), []);
}

#[tokio::test]
async fn a_start_that_hangs_ends_after_ten_seconds_and_then_after_the_functions_timeout() {
    let world = start(&fixture(1, "hang")).await;
    let started = Instant::now();
    let error = within(world.emulator.invoke("fixture", "{}")).await.unwrap_err();
    assert!(error.to_string().starts_with("Sandbox.Timedout"), "{error}");
    assert!(started.elapsed() >= Duration::from_secs(11), "{:?}", started.elapsed());
    assert!(world.line("INIT_REPORT").await.contains("Phase: init\tStatus: timeout"));
}

#[tokio::test]
async fn a_missing_binary_is_named() {
    let resources = "
  Absent:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/absent, Events: {All: {Type: HttpApi}}}
";
    let world = start(resources).await;
    let error = world.emulator.invoke("absent", "{}").await.unwrap_err().to_string();
    assert!(
        error.starts_with("Runtime.InvalidEntrypoint: Error: Absent: no binary at ") && error.contains("/absent"),
        "{error}"
    );
    assert_eq!(world.send("GET", "/", &[], b"").await.status, 500);
}

#[tokio::test]
async fn a_function_sees_lambdas_environment_and_nothing_else() {
    let resources = "
  Fixture:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: fixture}}
    Properties:
      MemorySize: 512
      FunctionName: a-name
      Environment: {Variables: {DECLARED: one, GIVEN: !GetAtt Table.Arn, CHANGED: old, LANG: C, AWS_REGION: nowhere}}
";
    let world = start_with(resources, |options| {
        options.variables.insert("GIVEN".to_owned(), "two".to_owned());
        options.variables.insert("CHANGED".to_owned(), "new".to_owned());
        options.variables.insert("UNDECLARED".to_owned(), "three".to_owned());
    })
    .await;
    let seen = world.invoke(&json!({"describe": true})).await;
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
    assert_eq!(seen["folder"], folder_of(&binaries().join("fixture")));
    let headers = &seen["headers"];
    assert_eq!(headers["lambda-runtime-invoked-function-arn"], "arn:aws:lambda:us-east-1:123456789012:function:a-name");
    assert!(headers["lambda-runtime-trace-id"].as_str().unwrap().contains(";Parent="));
    let due: i64 = headers["lambda-runtime-deadline-ms"].as_str().unwrap().parse().unwrap();
    let left = due - jiff::Timestamp::now().as_millisecond();
    assert!((-60_000..=3_000).contains(&left), "{left} ms left of three seconds");
}

#[tokio::test]
async fn each_invocation_is_logged_as_lambda_does() {
    let world = start(EVERYWHERE).await;
    world.order(&json!({"print": ["one", "{\"_aws\":1}"], "complain": "no line end"})).await;
    let printed: Vec<_> = world.logs.lines().into_iter().filter(|line| line.stream == Stream::Stdout).collect();
    assert_eq!(printed.len(), 2, "what is printed before the answer is logged before it");
    world.order(&json!({"print-late": "late", "allocate": 64 * 1024 * 1024})).await;
    world.emulator.idle().await;
    let lines = world.logs.lines();
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
    assert_eq!(second[1].text, "no line endlate".strip_prefix("no line end").unwrap());
    assert!(second[2].text.starts_with("END"), "what is printed after the answer still comes before END");
    let memory = second[3].text.split_once("Max Memory Used: ").unwrap().1.strip_suffix(" MB").unwrap();
    assert!((64..128).contains(&memory.parse::<u32>().unwrap()), "{memory} MB and no init duration");
    assert!(lines.iter().all(|line| line.function == "fixture" && line.environment == lines[0].environment));
}

#[tokio::test]
async fn a_new_binary_takes_over_without_a_lost_request() {
    let world = start(EVERYWHERE).await;
    let idle = world.invoke(&json!({"count": true})).await["pid"].clone();
    let orders = json!({"sleep": 500, "count": true});
    let busy = world.invoke(&orders);
    let replaced = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.emulator.replace("fixture").await.unwrap();
        world.invoke(&json!({"count": true})).await["pid"].clone()
    };
    let (busy, new) = tokio::join!(busy, replaced);
    assert_eq!(busy["pid"], idle, "the busy one finished");
    assert_ne!(new, idle);
    gone(idle.as_u64().unwrap() as u32).await;
    world.emulator.idle().await;
    world.emulator.replace("Fixture").await.unwrap();
    assert_eq!(world.emulator.environments(), []);
    assert!(world.emulator.replace("other").await.is_err());
}

#[tokio::test]
async fn a_replaced_environment_takes_nothing_new_even_when_it_has_room() {
    let resources = fixture(10, "").replace("FIXTURE_INIT: ''", "AWS_LAMBDA_MAX_CONCURRENCY: 4");
    let world = start(&resources).await;
    let orders = json!({"sleep": 500, "count": true});
    let busy = world.invoke(&orders);
    let next = async {
        while world.emulator.environments().iter().all(|environment| environment.invocations == 0) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        world.emulator.replace("fixture").await.unwrap();
        world.invoke(&json!({"count": true})).await
    };
    let (busy, next) = tokio::join!(busy, within(next));
    assert_ne!(busy["pid"], next["pid"]);
}

#[tokio::test]
async fn an_emulator_that_is_shutting_down_finishes_what_it_has_and_takes_nothing_new() {
    let world = start(EVERYWHERE).await;
    let address = world.emulator.address();
    let orders = json!({"sleep": 1_000}).to_string();
    let headers = [("x-fixture", orders.as_str())];
    let busy = send(address, "GET", "/", &headers, b"");
    let late = async {
        world.line("START").await;
        let shutdown = world.emulator.shutdown();
        let late = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            send(address, "GET", "/", &[], b"").await
        };
        tokio::join!(shutdown, late).1
    };
    let (busy, late) = tokio::join!(busy, late);
    assert_eq!((busy.status, late.status), (200, 503));
}

#[tokio::test]
async fn no_process_outlives_the_emulator() {
    let world = start(EVERYWHERE).await;
    let pids: Vec<u32> = busy_and_idle(&world).await;
    world.emulator.shutdown().await;
    for pid in pids {
        assert_eq!(process_state(pid), None);
    }
    let world = start(EVERYWHERE).await;
    let pids: Vec<u32> = busy_and_idle(&world).await;
    drop(world);
    for pid in pids {
        assert_eq!(process_state(pid), None);
    }
}

#[tokio::test]
async fn what_a_function_started_ends_with_it() {
    let world = start(EVERYWHERE).await;
    let child = world.invoke(&json!({"spawn": true})).await.as_u64().unwrap() as u32;
    assert!(process_state(child).is_some());
    world.emulator.shutdown().await;
    gone(child).await;
}

async fn busy_and_idle(world: &crate::support::World) -> Vec<u32> {
    world.invoke(&json!({"count": true})).await;
    world.emulator.idle().await;
    let orders = json!({"sleep": 60_000}).to_string();
    let headers = [("x-fixture", orders.as_str())];
    let sleeping = world.send("GET", "/", &headers, b"");
    let _ = tokio::time::timeout(Duration::from_millis(300), sleeping).await;
    world.invoke(&json!({"count": true})).await;
    let environments = world.emulator.environments();
    assert_eq!(environments.len(), 2);
    environments.into_iter().map(|environment| environment.pid).collect()
}

#[tokio::test]
async fn an_internal_extension_is_told_and_waited_for() {
    let world = start(&fixture(5, "extension")).await;
    world.invoke(&json!({"count": true})).await;
    let seen = world.line("extension saw ").await;
    let event: Value = serde_json::from_str(seen.strip_prefix("extension saw ").unwrap()).unwrap();
    assert_eq!(event["eventType"], "INVOKE");
    assert_eq!(event["invokedFunctionArn"], "arn:aws:lambda:us-east-1:123456789012:function:Fixture");
    world.emulator.idle().await;
    world.invoke(&json!({"count": true})).await;
    world.emulator.idle().await;
    let texts: Vec<_> = world.logs.lines().into_iter().map(|line| line.text).collect();
    let order: Vec<_> = texts.iter().map(|text| text.split([' ', ':']).take(2).collect::<Vec<_>>().join(" ")).collect();
    let once = ["START RequestId", "extension saw", "extension is", "END RequestId", "REPORT RequestId"];
    assert_eq!(order, [once, once].concat(), "an invocation ends when the extension has");
}

#[tokio::test]
async fn a_runtime_with_an_extension_may_close_in_time_even_when_frozen() {
    let resources = "
  Real:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: runtime}}
    Properties: {Events: {All: {Type: HttpApi}}}
";
    let world = start(resources).await;
    assert_eq!(world.send("GET", "/", &[], b"").await.status, 200);
    world.emulator.idle().await;
    assert_eq!(world.emulator.environments()[0].state, EnvironmentState::Frozen);
    let logs = world.logs.clone();
    world.emulator.shutdown().await;
    assert!(logs.lines().iter().any(|line| line.text == "closed in time"), "{:?}", logs.lines());
}
