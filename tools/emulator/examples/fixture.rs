//! A function for the tests. It implements the Runtime API by hand and follows the instructions in
//! the event.
//!
//! The instructions are in the event's `fixture` field or, behind the HTTP API, in the header
//! `x-fixture`. The environment variable `FIXTURE_INIT` controls how the function starts.
//! `FIXTURE_EVENT` controls how it handles events without instructions.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test program panics on every error, and the tests read its output"
)]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, process, thread};

use serde_json::{Value, json};

static INVOCATIONS: AtomicU64 = AtomicU64::new(0);

fn main() {
    let init = env::var("FIXTURE_INIT").unwrap_or_default();
    let (instruction, argument) = init.split_once(':').unwrap_or((&init, ""));
    match instruction {
        "exit" => process::exit(argument.parse().unwrap()),
        "hang" => thread::sleep(Duration::from_secs(3_600)),
        "error" => {
            let body = json!({"errorType": "Fixture.Unfit", "errorMessage": "cannot start"}).to_string();
            let (status, _) = call("POST", "/2018-06-01/runtime/init/error", &[], body.as_bytes());
            println!("init/error {status}");
            return;
        }
        // The first process creates the file and exits. Later processes find the file and start.
        "fail-once" if File::create_new(argument).is_ok() => process::exit(3),
        "extension" => {
            let headers = [("Lambda-Extension-Name", "watcher")];
            let response = request("POST", "/2020-01-01/extension/register", &headers, br#"{"events":["INVOKE"]}"#);
            let id = response.headers["lambda-extension-identifier"].clone();
            thread::spawn(move || {
                loop {
                    let headers = [("Lambda-Extension-Identifier", id.as_str())];
                    let event = request("GET", "/2020-01-01/extension/event/next", &headers, b"");
                    println!("extension saw {}", String::from_utf8_lossy(&event.body));
                    thread::sleep(Duration::from_millis(200));
                    println!("extension is done");
                }
            });
        }
        _ => {}
    }
    let workers = env::var("AWS_LAMBDA_MAX_CONCURRENCY").map_or(1, |limit| limit.parse().unwrap());
    let others: Vec<_> = (1..workers).map(|_| thread::spawn(run_worker)).collect();
    run_worker();
    others.into_iter().for_each(|other| other.join().unwrap());
}

fn run_worker() {
    loop {
        let event = request("GET", "/2018-06-01/runtime/invocation/next", &[], b"");
        let id = event.headers["lambda-runtime-aws-request-id"].clone();
        let payload: Value = serde_json::from_slice(&event.body).unwrap();
        let instructions = match payload["headers"]["x-fixture"].as_str() {
            Some(text) => serde_json::from_str(text).unwrap(),
            None => payload["fixture"].clone(),
        };
        handle(&id, &event, &payload, &instructions);
    }
}

fn handle(id: &str, event: &Message, payload: &Value, instructions: &Value) {
    let count = INVOCATIONS.fetch_add(1, Ordering::SeqCst) + 1;
    for line in instructions["print"].as_array().into_iter().flatten() {
        println!("{}", line.as_str().unwrap());
    }
    if let Some(line) = instructions["eprint"].as_str() {
        eprint!("{line}");
    }
    if let Some(milliseconds) = instructions["sleep"].as_u64() {
        thread::sleep(Duration::from_millis(milliseconds));
    }
    if let Some(path) = instructions["wait-for"].as_str() {
        wait_for_file(path.as_ref());
    }
    let memory = vec![1_u8; instructions["allocate"].as_u64().unwrap_or(0) as usize];
    if let Some(code) = instructions["exit"].as_i64() {
        process::exit(code as i32);
    }
    if instructions["abort"] == true {
        process::abort();
    }
    let path = format!("/2018-06-01/runtime/invocation/{id}");
    let default = env::var("FIXTURE_EVENT").ok().filter(|_| instructions.is_null());
    if default.is_some() {
        println!("event {payload}");
    }
    let fails = (default.as_deref() == Some("fail")).then_some("on purpose");
    if let Some(message) = instructions["fail"].as_str().or(fails) {
        let body = json!({"errorType": "Fixture.Failed", "errorMessage": message}).to_string();
        call("POST", &format!("{path}/error"), &[], body.as_bytes());
        return;
    }
    let result = if let Some(text) = instructions["raw"].as_str() {
        text.to_owned()
    } else if default.as_deref() == Some("fail-items") {
        let ids = payload["Records"].as_array().unwrap().iter().map(|record| record["messageId"].clone());
        json!({"batchItemFailures": ids.map(|id| json!({"itemIdentifier": id})).collect::<Vec<_>>()}).to_string()
    } else if let Some(size) = instructions["size"].as_u64() {
        format!("\"{}\"", "x".repeat(size as usize - 2))
    } else if let Some(calls) = instructions["probe"].as_array() {
        Value::from_iter(calls.iter().map(|call| probe(call, id))).to_string()
    } else if instructions["describe"] == true {
        let variables: BTreeMap<String, String> = env::vars().collect();
        let headers = &event.headers;
        json!({"variables": variables, "folder": env::current_dir().unwrap(), "headers": headers}).to_string()
    } else if instructions["spawn"] == true {
        json!(process::Command::new("/bin/sleep").arg("600").spawn().unwrap().id()).to_string()
    } else if instructions["count"] == true {
        json!({"count": count, "pid": process::id()}).to_string()
    } else {
        let headers = json!({"content-type": "application/json"});
        json!({"statusCode": 200, "headers": headers, "body": payload.to_string()}).to_string()
    };
    let (status, body) = call("POST", &format!("{path}/response"), &[], result.as_bytes());
    drop(memory);
    if status != 202 {
        println!("response {status} {body}");
    }
    if let Some(line) = instructions["print-late"].as_str() {
        println!("{line}");
    }
    if let Some(calls) = instructions["probe-late"].as_array() {
        calls.iter().for_each(|call| println!("late {}", probe(call, id)));
    }
    if let Some(milliseconds) = instructions["sleep-late"].as_u64() {
        thread::sleep(Duration::from_millis(milliseconds));
    }
}

/// Calls the Runtime API and returns the status and the body. `request` is
/// `[method, path, headers, body]`, in which `{id}` stands for the request id `id`.
fn probe(request: &Value, id: &str) -> Value {
    let text = |index: usize| request[index].as_str().unwrap_or_default().replace("{id}", id);
    let headers: Vec<(String, String)> = request[2]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (status, body) = call(&text(0), &text(1), &headers, text(3).as_bytes());
    json!([status, serde_json::from_str::<Value>(&body).unwrap_or(Value::from(body))])
}

/// Waits until the file exists.
fn wait_for_file(path: &Path) {
    while !path.exists() {
        thread::sleep(Duration::from_millis(2));
    }
}

struct Message {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

fn call(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let response = request(method, path, headers, body);
    (response.status, String::from_utf8(response.body).unwrap())
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Message {
    let host = env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut stream = TcpStream::connect(&host).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).unwrap();
    let end = received.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(received[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let headers = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
    Message { status, headers, body: received[end + 4..].to_vec() }
}
