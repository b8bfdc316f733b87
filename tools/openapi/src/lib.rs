//! The OpenAPI document of the API.
//!
//! `#[utoipa::path]` at each handler declares the route, the parameters, the body and the
//! successful response. It also declares each error that does not follow from the rest of the
//! declaration, as a response whose description is the error's code:
//! `(status = 404, description = "not_found")`. The module `operation` adds what many operations
//! have in common.

mod errors;
mod examples;
mod gateway;
mod operation;
mod parameters;

/// The functions, as modules.
#[expect(dead_code, reason = "only the declarations are used, not the handlers")]
mod handlers {
    include!(concat!(env!("OUT_DIR"), "/handlers.rs"));
}

use anyhow::Result;
use utoipa::OpenApi as _;
use utoipa::openapi::schema::{Object, Schema};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi, RefOr};

/// Assembles the document, of OpenAPI 3.1.
///
/// # Errors
/// A handler declares an error that does not exist.
pub fn document() -> Result<OpenApi> {
    let mut document = Service::openapi().merge_from(handlers::Handlers::openapi());
    let components = document.components.get_or_insert_default();
    let bearer = Http::builder().scheme(HttpAuthScheme::Bearer).bearer_format("64 characters of base64url");
    let bearer = bearer.description(Some(
        "The `access_token` that a sign-in or a refresh returns. `DELETE /health/detailed` requires the operator \
        key instead.",
    ));
    components.add_security_scheme("bearerAuth", SecurityScheme::Http(bearer.build()));
    parameters::add(components);
    errors::add(components);
    gateway::add(components);
    for schema in components.schemas.values_mut() {
        if let RefOr::T(Schema::Object(Object { description: Some(description), .. })) = schema {
            *description = unwrapped(description);
        }
    }
    operation::complete(&mut document.paths, &components.schemas)?;
    Ok(document)
}

/// Joins the lines of each paragraph. A doc comment wraps them, and Swagger UI shows line breaks.
fn unwrapped(description: &str) -> String {
    let paragraphs = description.split("\n\n").map(|paragraph| paragraph.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

const DESCRIPTION: &str = "\
The backend of Kai, a mental-wellness platform: accounts and sessions, a profile, a private journal, \
and a conversation with a language model.

* **Signing in**: register, sign in, and send the header `Authorization: Bearer <access_token>`.
* **Errors** are problem details (RFC 9457) with a machine-readable `code`. An error never \
contains anything that the client sent.
* **Fields**: unknown fields are ignored. Null for an optional field is the same as leaving it out, \
unless the field's description says otherwise. A whole number in a query may have a plus sign.
* **Times** in responses are in UTC, in the format of RFC 3339.
* **Retries**: every write of a user's data accepts an `Idempotency-Key`, with which it takes effect \
only once.
* **Caching**: a response with an `ETag` can be revalidated with `If-None-Match`.
* **Bandwidth**: a body over 500 bytes is compressed with gzip if the client accepts gzip.
* **The gateway** itself responds with `{\"message\": \"…\"}` in some cases: 404 for an unknown route \
or method, 413 for a body over 10 MB, 429 for too many requests, 431 for headers over 10,240 bytes, \
and 500 or 503 if a function cannot run.";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Kai", description = DESCRIPTION),
    servers((url = "/")),
    tags(
        (name = "accounts", description = "Accounts and sessions."),
        (name = "profile", description = "How Kai should talk with the user."),
        (name = "journal", description = "The user's private journal, and insights from it."),
        (name = "chat", description = "The user's conversation with Kai."),
        (name = "service", description = "The state of the service, and its documentation."),
    ),
    // The build script of `docs` embeds this document, so `docs` is a library and not a generated
    // module.
    paths(docs::index, docs::docs, docs::dashboard, docs::document)
)]
struct Service;
