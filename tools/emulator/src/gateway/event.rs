//! The event that a function receives for a request, in payload format 2.0.
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::collections::BTreeMap;
use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, COOKIE, HOST, USER_AGENT};
use http::request::Parts;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::template::ACCOUNT;

const API_ID: &str = "emulator00";

/// The hop-by-hop headers, which a gateway does not forward.
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

/// The values that the gateway adds to a request.
pub(super) struct RequestContext<'a> {
    pub(super) route_key: &'a str,
    /// The decoded path of the request.
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
    request_context: PayloadContext<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    path_parameters: &'a BTreeMap<String, String>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PayloadContext<'a> {
    account_id: &'a str,
    api_id: &'a str,
    domain_name: &'a str,
    domain_prefix: &'a str,
    http: PayloadHttp<'a>,
    request_id: &'a str,
    route_key: &'a str,
    stage: &'a str,
    time: String,
    time_epoch: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PayloadHttp<'a> {
    method: &'a str,
    path: &'a str,
    protocol: &'a str,
    source_ip: String,
    user_agent: &'a str,
}

/// Decodes the path that routes and functions see. An HTTP API decodes the whole path, including
/// `%2F`, and truncates it at a decoded question mark. Captures from AWS show both:
/// <https://github.com/fastify/aws-lambda-fastify/issues/169>,
/// <https://github.com/middleapi/standard-server/pull/93>.
pub(super) fn decode_path(path: &str) -> String {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    decoded.split('?').next().unwrap_or_default().to_owned()
}

/// Encodes the event as JSON.
pub(super) fn encode(parts: &Parts, body: &Bytes, context: &RequestContext<'_>) -> Bytes {
    let query = parts.uri.query().unwrap_or_default();
    let (body, is_base64_encoded) = encode_body(&parts.headers, body);
    let now = Timestamp::now();
    let host = header_text(&parts.headers, HOST.as_str());
    let domain = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let payload = Payload {
        version: "2.0",
        route_key: context.route_key,
        raw_path: &context.path,
        raw_query_string: query,
        cookies: cookies(&parts.headers),
        headers: headers(&parts.headers, body.is_some(), context),
        query_string_parameters: parse_query(query),
        request_context: PayloadContext {
            account_id: ACCOUNT,
            api_id: API_ID,
            domain_name: domain,
            domain_prefix: domain.split('.').next().unwrap_or_default(),
            http: PayloadHttp {
                method: parts.method.as_str(),
                path: &context.path,
                protocol: "HTTP/1.1",
                source_ip: context.peer.ip().to_canonical().to_string(),
                user_agent: header_text(&parts.headers, USER_AGENT.as_str()),
            },
            request_id: context.request_id,
            route_key: context.route_key,
            stage: "$default",
            time: now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
            time_epoch: now.as_millisecond(),
        },
        body,
        path_parameters: &context.path_parameters,
        is_base64_encoded,
    };
    // The serialisation cannot fail, because the payload has only strings, numbers and maps with
    // string keys.
    serde_json::to_vec(&payload).unwrap_or_default().into()
}

/// Encodes the body as a string, and returns whether the string is base64. According to
/// measurements on AWS (<https://github.com/ministackorg/ministack/pull/766>), only `text/*` and
/// three types of `application` stay text. Everything else is base64, including forms and bodies
/// without a type.
fn encode_body(headers: &HeaderMap, body: &Bytes) -> (Option<String>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    let content_type = header_text(headers, CONTENT_TYPE.as_str()).to_ascii_lowercase();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let is_text = media_type.starts_with("text/")
        || matches!(media_type, "application/json" | "application/javascript" | "application/xml");
    if is_text {
        (Some(String::from_utf8_lossy(body).into_owned()), false)
    } else {
        (Some(STANDARD.encode(body)), true)
    }
}

/// Returns the headers by their lowercase names, including those that the gateway adds. The values
/// of a repeated header are joined by commas.
fn headers(sent: &HeaderMap, has_body: bool, context: &RequestContext<'_>) -> BTreeMap<String, String> {
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
    let client = context.peer.ip().to_canonical().to_string();
    headers
        .entry("x-forwarded-for".to_owned())
        .and_modify(|proxies| {
            proxies.push_str(", ");
            proxies.push_str(&client);
        })
        .or_insert(client);
    headers.insert("x-forwarded-port".to_owned(), context.port.to_string());
    headers.insert("x-forwarded-proto".to_owned(), "http".to_owned());
    headers
        .entry("x-amzn-trace-id".to_owned())
        .and_modify(|sent| {
            let own = context.trace.replacen("Root", "Self", 1);
            *sent = format!("{own};{sent}");
        })
        .or_insert_with(|| context.trace.to_owned());
    headers
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(COOKIE).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let pairs = values.flat_map(|value| value.split(';').map(|pair| pair.trim().to_owned()).collect::<Vec<_>>());
    pairs.filter(|pair| !pair.is_empty()).collect()
}

/// Decodes the query parameters. The values of a repeated name are joined by commas.
fn parse_query(query: &str) -> BTreeMap<String, String> {
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

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
