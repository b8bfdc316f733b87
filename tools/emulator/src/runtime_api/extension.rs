//! The part of the API that extensions speak.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-extensions-api.html>

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{Reply, reply};
use crate::body;
use crate::environment::Environment;
use crate::template::ACCOUNT;

const IDENTIFIER: HeaderName = HeaderName::from_static("lambda-extension-identifier");
const NAME: &str = "lambda-extension-name";
const ERROR_TYPE: &str = "lambda-extension-function-error-type";
const FEATURES: &str = "lambda-extension-accept-feature";
/// The longest registration that makes sense.
const LONGEST_BODY: usize = 64 * 1024;

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
) -> Reply {
    match (method, path) {
        (&Method::POST, ["register"]) => register(environment, headers, body).await,
        (&Method::GET, ["event", "next"]) => next(environment, headers).await,
        (&Method::POST, ["init", "error"]) => failed(environment, headers, "Extension.InitError", true),
        (&Method::POST, ["exit", "error"]) => failed(environment, headers, "Extension.ExitError", false),
        _ => reply::text(StatusCode::NOT_FOUND, "404 page not found\n"),
    }
}

async fn register(environment: &Environment, headers: &HeaderMap, body: Incoming) -> Reply {
    let Some(name) = text(headers, NAME).filter(|name| !name.is_empty()) else {
        return refusal("Extension.InvalidExtensionName", "Empty extension name");
    };
    let body = body::read(body, LONGEST_BODY).await.unwrap_or_default();
    let Ok(registration) = serde_json::from_slice::<Registration>(&body) else {
        return refusal("InvalidRequestFormat", "a JSON document with a list of events is expected");
    };
    match environment.register_extension(name, &registration.events) {
        Err((error_type, message)) => refusal(error_type, &message),
        Ok(id) => {
            let mut document = BTreeMap::from([
                ("functionName", environment.settings.function.function_name.as_str()),
                ("functionVersion", "$LATEST"),
                ("handler", "bootstrap"),
            ]);
            if text(headers, FEATURES)
                .is_some_and(|features| features.split(',').any(|name| name.trim() == "accountId"))
            {
                document.insert("accountId", ACCOUNT);
            }
            let mut reply = reply::document(StatusCode::OK, &json!(document));
            reply.headers_mut().extend(HeaderValue::from_str(&id.to_string()).ok().map(|id| (IDENTIFIER, id)));
            reply
        }
    }
}

async fn next(environment: &Environment, headers: &HeaderMap) -> Reply {
    let id = match identify(headers) {
        Ok(id) => id,
        Err(refusal) => return *refusal,
    };
    let Some(event) = environment.extension_next(&id) else {
        return refusal("Extension.UnknownExtensionIdentifier", &format!("Unknown extension {id}"));
    };
    match event.await {
        Ok(event) => {
            let mut reply = reply::document(StatusCode::OK, &event);
            let event_id = HeaderValue::from_str(&Uuid::new_v4().to_string()).ok();
            let name = HeaderName::from_static("lambda-extension-event-identifier");
            reply.headers_mut().extend(event_id.map(|id| (name, id)));
            reply
        }
        Err(_) => reply::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError", "Internal Server Error"),
    }
}

fn failed(environment: &Environment, headers: &HeaderMap, error_type: &'static str, during_init: bool) -> Reply {
    let id = match identify(headers) {
        Ok(id) => id,
        Err(refusal) => return *refusal,
    };
    if text(headers, ERROR_TYPE).is_none_or(str::is_empty) {
        return refusal("Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found");
    }
    if !environment.knows_extension(&id) {
        return refusal("Extension.UnknownExtensionIdentifier", "Unknown Lambda-Extension-Identifier");
    }
    environment.extension_failed(error_type, during_init);
    reply::accepted()
}

fn identify(headers: &HeaderMap) -> Result<Uuid, Box<Reply>> {
    let Some(text) = text(headers, IDENTIFIER.as_str()).filter(|text| !text.is_empty()) else {
        let message = "Missing Lambda-Extension-Identifier header";
        return Err(Box::new(refusal("Extension.MissingExtensionIdentifier", message)));
    };
    text.parse()
        .map_err(|_| Box::new(refusal("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier")))
}

fn refusal(error_type: &str, message: &str) -> Reply {
    reply::error(StatusCode::FORBIDDEN, error_type, message)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
