//! A request as the event that a function receives, payload format 2.0.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::template::ACCOUNT;

const API_ID: &str = "emulator00";

/// Headers between two neighbours, which no gateway passes on.
/// <https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>
pub(super) const HOP_BY_HOP: [&str; 9] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// What the gateway knows about a request besides what the client sent.
pub(super) struct Source<'a> {
    pub(super) route_key: &'a str,
    /// The path, decoded.
    pub(super) path: String,
    pub(super) path_parameters: BTreeMap<String, String>,
    pub(super) peer: SocketAddr,
    pub(super) port: u16,
    pub(super) request_id: &'a str,
    pub(super) trace: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'a> {
    version: &'a str,
    route_key: &'a str,
    raw_path: &'a str,
    raw_query_string: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    request_context: Context<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    path_parameters: &'a BTreeMap<String, String>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Context<'a> {
    account_id: &'a str,
    api_id: &'a str,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: Http<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'a str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'a str,
    source_ip: String,
    user_agent: &'a str,
}

/// The path that routes are matched with and functions see. An HTTP API decodes it, `%2F` included, and cuts it at a decoded
/// question mark, as captures from AWS show: <https://github.com/fastify/aws-lambda-fastify/issues/169>,
/// <https://github.com/middleapi/standard-server/pull/93>.
pub(super) fn decoded_path(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    decoded.split('?').next().unwrap_or_default().to_owned()
}

/// The event, as JSON.
pub(super) fn payload(parts: &Parts, body: &Bytes, source: &Source<'_>) -> Bytes {
    let query = parts.uri.query().unwrap_or_default();
    let (body, is_base64_encoded) = encode(&parts.headers, body);
    let now = jiff::Timestamp::now();
    let host = text(&parts.headers, HOST.as_str());
    let domain = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let payload = Payload {
        version: "2.0",
        route_key: source.route_key,
        raw_path: &source.path,
        raw_query_string: query,
        cookies: cookies(&parts.headers),
        headers: headers(&parts.headers, body.is_some(), source),
        query_string_parameters: query_parameters(query),
        request_context: Context {
            account_id: ACCOUNT,
            api_id: API_ID,
            domain_name: domain,
            domain_prefix: domain.split('.').next().unwrap_or_default(),
            http: Http {
                method: parts.method.as_str(),
                path: &source.path,
                protocol: "HTTP/1.1",
                source_ip: source.peer.ip().to_canonical().to_string(),
                user_agent: text(&parts.headers, USER_AGENT.as_str()),
            },
            request_id: source.request_id,
            route_key: source.route_key,
            stage: "$default",
            time: now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            time_epoch: now.as_millisecond(),
        },
        body,
        path_parameters: &source.path_parameters,
        is_base64_encoded,
    };
    // Strings, numbers and maps with string keys always serialise.
    serde_json::to_vec(&payload).unwrap_or_default().into()
}

/// The body as a string. Measured on AWS (<https://github.com/ministackorg/ministack/pull/766>): text stays text only for
/// `text/*` and three types of `application`; everything else is base64, forms and a missing type too.
fn encode(headers: &HeaderMap, body: &Bytes) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let content_type = text(headers, CONTENT_TYPE.as_str()).to_ascii_lowercase();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is_text = media_type.starts_with("text/")
        || matches!(media_type, "application/json" | "application/javascript" | "application/xml");
    if is_text {
        (Some(String::from_utf8_lossy(body).into_owned()), false)
    } else {
        (Some(STANDARD.encode(body)), true)
    }
}

/// Names in lower case, values of a repeated header joined by commas, and what the gateway adds.
fn headers(sent: &HeaderMap, has_body: bool, source: &Source<'_>) -> BTreeMap<String, String> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in sent {
        if name == COOKIE || HOP_BY_HOP.contains(&name.as_str()) {
            continue;
        }
        let value = String::from_utf8_lossy(value.as_bytes());
        headers
            .entry(name.as_str().to_owned())
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert_with(|| value.into_owned());
    }
    if !has_body {
        headers.insert("content-length".to_owned(), "0".to_owned());
    }
    let client = source.peer.ip().to_canonical().to_string();
    headers
        .entry("x-forwarded-for".to_owned())
        .and_modify(|proxies| {
            proxies.push_str(", ");
            proxies.push_str(&client);
        })
        .or_insert(client);
    headers.insert("x-forwarded-port".to_owned(), source.port.to_string());
    headers.insert("x-forwarded-proto".to_owned(), "http".to_owned());
    headers
        .entry("x-amzn-trace-id".to_owned())
        .and_modify(|sent| {
            let own = source.trace.replacen("Root", "Self", 1);
            *sent = format!("{own};{sent}");
        })
        .or_insert_with(|| source.trace.to_owned());
    headers
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let pairs = values.flat_map(|value| value.split(';').map(|pair| pair.trim().to_owned()).collect::<Vec<_>>());
    pairs.filter(|pair| !pair.is_empty()).collect()
}

/// Names and values decoded; values of a repeated name joined by commas.
fn query_parameters(query: &str) -> BTreeMap<String, String> {
    let decoded = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(value);
        parameters
            .entry(decoded(name))
            .and_modify(|values| {
                values.push(',');
                values.push_str(&value);
            })
            .or_insert(value);
    }
    parameters
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
