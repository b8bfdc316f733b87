//! The OpenAPI document: what every operation reads and answers.
//!
//! A function has its operation in the module of its noun. The schemas of answers are drawn from the types that are serialised; those of
//! requests are made for the purpose, with the limits that the parsers keep.

mod account;
mod chat;
mod health;
mod journal;
mod operation;
mod parameter;
mod problem;
mod profile;
mod service;

use utoipa::ToSchema;
use utoipa::openapi::path::PathsBuilder;
use utoipa::openapi::schema::ComponentsBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem, Server};

// The examples belong together, so that one can be read after the other.
const USER_ID: &str = "0192f0c1-7a3b-7c4d-8e5f-102132435465";
const PROFILE_ID: &str = "0192f0c1-7a3b-7c4d-8e5f-102132435466";
const SESSION_ID: &str = "0192f0c1-9d02-7b11-a0c4-5b6a79880917";
const ENTRY_ID: &str = "0192f2fd-5c3e-7a90-b1d2-c3e4f5061728";
const CONVERSATION_ID: &str = "0192f2fd-6a10-7333-9444-555566667777";
const MESSAGE_IDS: [&str; 2] = ["0192f2fd-6a10-7333-9444-555566667778", "0192f2fd-6ecf-7333-9444-555566667779"];
const REQUEST_ID: &str = "5db13d6f-5684-46a8-bfde-968b08326dd6";
const NEXT_CURSOR: &str = "2026-11-02T18:41:12.094482Z_0192f2fd-5c3e-7a90-b1d2-c3e4f5061728";

const DESCRIPTION: &str = "\
The backend of Kai: accounts and sessions, a profile, a private journal, and a conversation.

* **Signing in**: register, log in, and send `Authorization: Bearer <access_token>`.
* **Errors** are problem details (RFC 9457) with a `code` for programs. Nothing of what the client sent is ever in an error.
* **Fields** that nobody asks for are ignored. Null for a field that may be absent counts as absent, unless it says otherwise. A whole \
number in a query may have a plus sign.
* **Repetition**: whatever changes something takes an `Idempotency-Key`, under which it is done once.
* **Caching**: an answer with an `ETag` may be asked about again with `If-None-Match`.
* **Bandwidth**: a body over 500 bytes is gzipped for a client that accepts it.
* **The gateway** answers by itself, with `{\"message\": \"…\"}`: 404 for a route or a method that does not exist, 413 over 10 MB, 429 \
when there is too much to do, 431 for headers over 10,240 bytes, 500 and 503 when a function could not be run.";

/// The whole document, of OpenAPI 3.1.
pub fn document() -> OpenApi {
    let info = InfoBuilder::new().title("Kai").version(env!("CARGO_PKG_VERSION")).description(Some(DESCRIPTION));
    let license = LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build();
    let tags = [
        ("accounts", "Accounts and sessions."),
        ("profile", "How Kai should speak with a person."),
        ("journal", "A private journal, and what it tells."),
        ("chat", "The conversation."),
        ("service", "The service itself."),
    ];
    let tags = tags.map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build());
    let known = problem::known();
    let groups = [
        account::operations(),
        profile::operations(),
        journal::operations(),
        chat::operations(),
        service::operations(),
        health::operations(),
    ];
    let paths = groups.into_iter().flatten().fold(PathsBuilder::new(), |paths, operation| {
        let (path, method) = (operation.path, operation.method.clone());
        paths.path(path, PathItem::new(method, operation.build(&known)))
    });
    OpenApiBuilder::new()
        .info(info.license(Some(license)).build())
        .servers(Some([Server::new("/")]))
        .tags(Some(tags))
        .paths(paths)
        .components(Some(components().build()))
        .build()
}

fn components() -> ComponentsBuilder {
    let bearer = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("64 characters of base64url");
    let bearer = bearer.description(Some("The `access_token` that log-in and refresh answer."));
    let parts = [
        problem::components,
        parameter::components,
        account::components,
        profile::components,
        journal::components,
        chat::components,
        service::components,
        health::components,
    ];
    let components = ComponentsBuilder::new().security_scheme("bearerAuth", SecurityScheme::Http(bearer.build()));
    parts.into_iter().fold(components, |components, add| add(components))
}

/// A schema with all that it refers to.
fn referred<T: ToSchema>(components: ComponentsBuilder) -> ComponentsBuilder {
    let mut schemas = Vec::new();
    T::schemas(&mut schemas);
    components.schemas_from_iter(schemas).schema(T::name(), T::schema())
}
