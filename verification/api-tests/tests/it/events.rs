//! The sample events in `events/`, which `sam local invoke` also uses. Each event matches its
//! function and the template.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use api_tests::openapi::Operation;
use api_tests::{Response, TestApp, template, token_hash};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use uuid::Uuid;

/// Returns the path of `events/`.
fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../events"))
}

/// Reads a sample event.
pub(crate) fn read(function: &str, case: &str) -> Value {
    let path = folder().join(function).join(format!("{case}.json"));
    let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

/// Returns the names of the events of each function.
fn cases() -> BTreeMap<String, Vec<String>> {
    let names = |path: PathBuf| {
        let entries = fs::read_dir(path).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    let functions = names(folder()).into_iter();
    functions
        .map(|function| {
            let files = names(folder().join(&function)).into_iter();
            (function, files.map(|file| file.strip_suffix(".json").unwrap().to_owned()).collect())
        })
        .collect()
}

/// Returns the status of the response to an event that is a request, if the user of the events has
/// an account and a session. It follows from the name of the event. An event with any other name
/// succeeds.
fn expected(operation: &Operation, case: &str) -> u16 {
    match case {
        "unauthenticated" | "malformed-token" | "wrong-password" | "unknown-email" => 401,
        "other-user" => 403,
        "malformed" => 400,
        "unsupported-type" | "form-body" => 415,
        "unknown" => 404,
        "other-version" => 412,
        _ if ["invalid", "malformed-"].iter().any(|prefix| case.starts_with(prefix)) => 422,
        // The user is registered already.
        _ if operation.path == "/api/auth/register" => 409,
        _ => operation.success(),
    }
}

#[test]
fn every_function_has_sample_events_for_all_its_routes() {
    let template = template();
    let functions: BTreeSet<_> = template.functions.iter().map(|function| function.name.clone()).collect();
    assert_eq!(cases().into_keys().collect::<BTreeSet<_>>(), functions);
    for function in &template.functions {
        let routes: BTreeSet<_> = function
            .routes
            .iter()
            .map(|route| format!("{} {}", route.method.as_deref().unwrap(), route.path.as_deref().unwrap()))
            .collect();
        let events = cases().remove(&function.name).unwrap();
        let named: BTreeSet<_> = events
            .iter()
            .filter_map(|case| Some(read(&function.name, case).get("routeKey")?.as_str().unwrap().to_owned()))
            .collect();
        assert_eq!(named, routes, "{}", function.name);
    }
}

#[tokio::test]
async fn every_sample_request_gets_a_response_in_payload_format_2() {
    let app = TestApp::start().await;
    let user = create_user_of_the_events(&app).await;
    let entry = read("journal-get", "success")["pathParameters"]["entry_id"].as_str().unwrap().parse::<Uuid>().unwrap();
    let mut answered = 0;
    // Functions that end sessions come last, followed only by the function that deletes the
    // account.
    let rank = |function: &str| match function {
        "account-delete" => 2,
        "auth-logout" | "auth-password" | "auth-refresh" => 1,
        _ => 0,
    };
    let mut ordered: Vec<_> = cases().into_iter().collect();
    ordered.sort_by_key(|(function, _)| rank(function));
    for (function, case) in
        ordered.into_iter().flat_map(|(function, cases)| cases.into_iter().map(move |case| (function.clone(), case)))
    {
        let event = read(&function, &case);
        let Some(route) = event.get("routeKey") else { continue };
        let what = format!("{function}/{case}");
        assert_eq!((&event["version"], &event["requestContext"]["routeKey"]), (&"2.0".into(), route), "{what}");
        if rank(&function) > 0 {
            let restore_sessions = "WITH accounts AS (UPDATE users SET sessions_since = '-infinity')
                UPDATE sessions SET revoked_at = NULL, expires_at = now() + interval '1 day'";
            app.query(restore_sessions, &[]).await;
        }
        if function.starts_with("journal-") {
            app.query(INSERT_ENTRY, &[&entry, &user]).await;
        }
        let response = app.invoke(&function, &event).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let operation = Operation::of_route(route.as_str().unwrap()).unwrap();
        let response = parse_payload_2(&response, &what);
        assert_eq!(response.status, expected(operation, &case), "{what}: {}", response.text());
        operation.assert_describes(&response);
        answered += 1;
    }
    assert!(answered >= 45, "only {answered} requests got a response");
}

/// Checks the format of the result of a function, and returns the response that it describes.
fn parse_payload_2(result: &Value, what: &str) -> Response {
    let status = result["statusCode"].as_u64().and_then(|status| u16::try_from(status).ok());
    let status = status.filter(|status| (200..600).contains(status)).unwrap_or_else(|| panic!("{what}: {result}"));
    let members = result["headers"].as_object().unwrap_or_else(|| panic!("{what}: {result}"));
    let mut headers = HeaderMap::new();
    for (name, value) in members {
        let value = value.as_str().unwrap_or_else(|| panic!("{what}: {result}"));
        headers.insert(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
    }
    assert!(headers.contains_key("x-request-id"), "{what}: {result}");
    let body = match (result["body"].as_str(), result["isBase64Encoded"].as_bool()) {
        (Some(body), Some(true)) => STANDARD.decode(body).unwrap(),
        (Some(body), Some(false)) => body.as_bytes().to_vec(),
        _ if [204, 304].contains(&status) => Vec::new(),
        _ => panic!("{what}: {result}"),
    };
    Response { status, headers, body: body.into(), elapsed: Duration::ZERO }
}

/// Inserts the entry of the events, unless it exists.
const INSERT_ENTRY: &str =
    "INSERT INTO journal_entries (id, user_id, content) VALUES ($1, $2, 'Walked home.') ON CONFLICT DO NOTHING";

/// Creates the user whose id, token and password the events contain.
async fn create_user_of_the_events(app: &TestApp) -> Uuid {
    let register = read("auth-register", "success");
    let account = app.invoke("auth-register", &register).await.unwrap();
    assert_eq!(account["statusCode"], 201, "{account}");
    let event = read("auth-me", "success");
    let token = event["headers"]["authorization"].as_str().unwrap().strip_prefix("Bearer ").unwrap();
    let user = Uuid::from_slice(&URL_SAFE_NO_PAD.decode(token).unwrap()[..16]).unwrap();
    assert_eq!(read("profile-get", "success")["pathParameters"]["user_id"], user.to_string());
    app.query("ALTER TABLE user_profiles DROP CONSTRAINT user_profiles_user_id_fkey", &[]).await;
    app.query("WITH account AS (UPDATE users SET id = $1) UPDATE user_profiles SET user_id = $1", &[&user]).await;
    app.insert_session(user, &token_hash(token)).await;
    user
}
