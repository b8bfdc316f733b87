//! A function for the tests: it speaks the runtime API by hand and does what the event tells it to.
//!
//! The orders stand in the event's `fixture` field or, behind the HTTP API, in the header `x-fixture`. What it does while
//! it starts stands in the variable `FIXTURE_INIT`, what it does with events that bring no orders in `FIXTURE_EVENT`.

#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test program stops at the first surprise, and what it prints is what the tests read"
)]

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{env, thread};

use serde_json::{Value, json};

static INVOCATIONS: AtomicU64 = AtomicU64::new(0);

fn main() {
    let init = env::var("FIXTURE_INIT").unwrap_or_default();
    let (order, argument) = init.split_once(':').unwrap_or((&init, ""));
    match order {
        "exit" => std::process::exit(argument.parse().unwrap()),
        "hang" => thread::sleep(Duration::from_secs(3_600)),
        "error" => {
            let body = json!({"errorType": "Fixture.Unfit", "errorMessage": "cannot start"}).to_string();
            let (status, _) = call("POST", "/2018-06-01/runtime/init/error", &[], body.as_bytes());
            println!("init/error {status}");
            return;
        }
        // Whoever makes the file is the first, and fails.
        "fail-once" if std::fs::File::create_new(argument).is_ok() => std::process::exit(3),
        "extension" => {
            let headers = [("Lambda-Extension-Name", "watcher")];
            let reply = request("POST", "/2020-01-01/extension/register", &headers, br#"{"events":["INVOKE"]}"#);
            let id = reply.headers["lambda-extension-identifier"].clone();
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
    let others: Vec<_> = (1..workers).map(|_| thread::spawn(work)).collect();
    work();
    others.into_iter().for_each(|other| other.join().unwrap());
}

fn work() {
    loop {
        let event = request("GET", "/2018-06-01/runtime/invocation/next", &[], b"");
        let id = event.headers["lambda-runtime-aws-request-id"].clone();
        let payload: Value = serde_json::from_slice(&event.body).unwrap();
        let orders = match payload["headers"]["x-fixture"].as_str() {
            Some(text) => serde_json::from_str(text).unwrap(),
            None => payload["fixture"].clone(),
        };
        handle(&id, &event, &payload, &orders);
    }
}

fn handle(id: &str, event: &Message, payload: &Value, orders: &Value) {
    let count = INVOCATIONS.fetch_add(1, Ordering::SeqCst) + 1;
    for line in orders["print"].as_array().into_iter().flatten() {
        println!("{}", line.as_str().unwrap());
    }
    if let Some(line) = orders["complain"].as_str() {
        eprint!("{line}");
    }
    if let Some(milliseconds) = orders["sleep"].as_u64() {
        thread::sleep(Duration::from_millis(milliseconds));
    }
    let held = vec![1_u8; orders["allocate"].as_u64().unwrap_or(0) as usize];
    if let Some(code) = orders["exit"].as_i64() {
        std::process::exit(code as i32);
    }
    if orders["abort"] == true {
        std::process::abort();
    }
    let path = format!("/2018-06-01/runtime/invocation/{id}");
    let unordered = env::var("FIXTURE_EVENT").ok().filter(|_| orders.is_null());
    if unordered.is_some() {
        println!("event {payload}");
    }
    let fails = (unordered.as_deref() == Some("fail")).then_some("on purpose");
    if let Some(message) = orders["fail"].as_str().or(fails) {
        let body = json!({"errorType": "Fixture.Failed", "errorMessage": message}).to_string();
        call("POST", &format!("{path}/error"), &[], body.as_bytes());
        return;
    }
    let answer = if let Some(text) = orders["raw"].as_str() {
        text.to_owned()
    } else if unordered.as_deref() == Some("fail-items") {
        let ids = payload["Records"].as_array().unwrap().iter().map(|record| record["messageId"].clone());
        json!({"batchItemFailures": ids.map(|id| json!({"itemIdentifier": id})).collect::<Vec<_>>()}).to_string()
    } else if let Some(size) = orders["size"].as_u64() {
        format!("\"{}\"", "x".repeat(size as usize - 2))
    } else if let Some(calls) = orders["probe"].as_array() {
        Value::from_iter(calls.iter().map(|call| probe(call, id))).to_string()
    } else if orders["describe"] == true {
        let variables: BTreeMap<String, String> = env::vars().collect();
        let headers = &event.headers;
        json!({"variables": variables, "folder": env::current_dir().unwrap(), "headers": headers}).to_string()
    } else if orders["spawn"] == true {
        json!(std::process::Command::new("/bin/sleep").arg("600").spawn().unwrap().id()).to_string()
    } else if orders["count"] == true {
        json!({"count": count, "pid": std::process::id()}).to_string()
    } else {
        let headers = json!({"content-type": "application/json"});
        json!({"statusCode": 200, "headers": headers, "body": payload.to_string()}).to_string()
    };
    let (status, body) = call("POST", &format!("{path}/response"), &[], answer.as_bytes());
    drop(held);
    if status != 202 {
        println!("response {status} {body}");
    }
    if let Some(line) = orders["print-late"].as_str() {
        println!("{line}");
    }
    if let Some(calls) = orders["probe-late"].as_array() {
        calls.iter().for_each(|call| println!("late {}", probe(call, id)));
    }
    if let Some(milliseconds) = orders["linger"].as_u64() {
        thread::sleep(Duration::from_millis(milliseconds));
    }
}

/// A call of the runtime API, `[method, path, headers, body]`, and what comes back.
fn probe(order: &Value, id: &str) -> Value {
    let text = |index: usize| order[index].as_str().unwrap_or_default().replace("{id}", id);
    let headers: Vec<(String, String)> = order[2]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let (status, body) = call(&text(0), &text(1), &headers, text(3).as_bytes());
    json!([status, serde_json::from_str::<Value>(&body).unwrap_or(Value::from(body))])
}

struct Message {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

fn call(method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String) {
    let reply = request(method, path, headers, body);
    (reply.status, String::from_utf8(reply.body).unwrap())
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
