//! The Extensions API of Lambda.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::response::{self, Response};
use crate::environment::Environment;
use crate::limited_body;
use crate::template::ACCOUNT;

const IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-identifier");
const EVENT_IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-event-identifier");
const NAME: &str = "lambda-extension-name";
const ERROR_TYPE: &str = "lambda-extension-function-error-type";
const FEATURES: &str = "lambda-extension-accept-feature";
/// The maximum length of a registration in bytes.
const MAX_REGISTRATION_BYTES: usize = 64 * 1024;

#[derive(Deserialize)]
struct Registration {
    #[serde(default)]
    events: Vec<String>,
}

pub(super) async fn route(
    environment: &Environment,
    method: &Method,
    path: &[&str],
    headers: &HeaderMap,
    body: Incoming,
) -> Response {
    match (method, path) {
        (&Method::POST, ["register"]) => register(environment, headers, body).await,
        (&Method::GET, ["event", "next"]) => next_event(environment, headers).await,
        (&Method::POST, ["init", "error"]) => report_error(environment, headers, "Extension.InitError", true),
        (&Method::POST, ["exit", "error"]) => report_error(environment, headers, "Extension.ExitError", false),
        _ => response::text(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

async fn register(environment: &Environment, headers: &HeaderMap, body: Incoming) -> Response {
    let Some(name) = header_text(headers, NAME).filter(|name| !name.is_empty()) else {
        return reject("Extension.InvalidExtensionName", "Empty extension name");
    };
    let body = limited_body::read(body, MAX_REGISTRATION_BYTES).await.unwrap_or_default();
    let Ok(registration) = serde_json::from_slice::<Registration>(&body) else {
        return reject("InvalidRequestFormat", "expected a JSON document with a list of events");
    };
    match environment.register_extension(name, &registration.events) {
        Err((error_type, message)) => reject(error_type, &message),
        Ok(id) => {
            let mut document = BTreeMap::from([
                ("functionName", environment.settings.function.function_name.as_str()),
                ("functionVersion", "$LATEST"),
                ("handler", "bootstrap"),
            ]);
            if header_text(headers, FEATURES)
                .is_some_and(|features| features.split(',').any(|name| name.trim() == "accountId"))
            {
                document.insert("accountId", ACCOUNT);
            }
            let mut response = response::json(StatusCode::OK, &json!(document));
            response.headers_mut().extend(HeaderValue::from_str(&id.to_string()).ok().map(|id| (IDENTIFIER, id)));
            response
        }
    }
}

async fn next_event(environment: &Environment, headers: &HeaderMap) -> Response {
    let id = match parse_identifier(headers) {
        Ok(id) => id,
        Err(rejection) => return *rejection,
    };
    let Some(event) = environment.next_extension_event(&id) else {
        return reject("Extension.UnknownExtensionIdentifier", &format!("Unknown extension {id}"));
    };
    match event.await {
        Ok(event) => {
            let mut response = response::json(StatusCode::OK, &event);
            let event_id = HeaderValue::from_str(&Uuid::new_v4().to_string()).ok();
            response.headers_mut().extend(event_id.map(|id| (EVENT_IDENTIFIER, id)));
            response
        }
        Err(_) => response::internal_error(),
    }
}

fn report_error(
    environment: &Environment,
    headers: &HeaderMap,
    error_type: &'static str,
    during_init: bool,
) -> Response {
    let id = match parse_identifier(headers) {
        Ok(id) => id,
        Err(rejection) => return *rejection,
    };
    if header_text(headers, ERROR_TYPE).is_none_or(str::is_empty) {
        return reject("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found");
    }
    if !environment.has_extension(&id) {
        return reject("Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier");
    }
    environment.fail_extension(error_type, during_init);
    response::accepted()
}

fn parse_identifier(headers: &HeaderMap) -> Result<Uuid, Box<Response>> {
    let Some(text) = header_text(headers, IDENTIFIER.as_str()).filter(|text| !text.is_empty()) else {
        let message = "Missing Lambda-Extension-Identifier header";
        return Err(Box::new(reject("Extension.MissingExtensionIdentifier", message)));
    };
    text.parse()
        .map_err(|_| Box::new(reject("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")))
}

fn reject(error_type: &str, message: &str) -> Response {
    response::error(StatusCode::FORBIDDEN, error_type, message)
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
