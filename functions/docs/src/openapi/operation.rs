//! One operation, put together from what its handler does.

use std::collections::BTreeMap;

use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{Ref, RefOr, Required, Response, ResponseBuilder, SecurityRequirement};

use super::problem::{self, Known, header};

/// An operation in the making. What its handler does says which errors it answers with.
pub(super) struct Operation {
    pub(super) method: HttpMethod,
    pub(super) path: &'static str,
    builder: OperationBuilder,
    codes: Vec<&'static str>,
    answers: BTreeMap<String, Response>,
    is_open: bool,
    is_cacheable: bool,
    has_resources: bool,
}

/// A name, what it shows, and the value.
pub(super) type Example = (&'static str, &'static str, Value);

impl Operation {
    /// An operation with the id that is its function's name.
    pub(super) fn new(method: HttpMethod, path: &'static str, id: &str, tag: &str) -> Self {
        Self {
            method,
            path,
            builder: OperationBuilder::new().operation_id(Some(id)).tag(tag),
            codes: vec!["internal", "unavailable"],
            answers: BTreeMap::new(),
            is_open: false,
            is_cacheable: false,
            has_resources: false,
        }
    }

    /// What it is for, in a line and in full.
    pub(super) fn about(mut self, summary: &str, description: &str) -> Self {
        self.builder = self.builder.summary(Some(summary)).description(Some(description));
        self
    }

    /// Open to everybody.
    pub(super) fn open(self) -> Self {
        Self { is_open: true, ..self }
    }

    /// For whoever has a session.
    pub(super) fn signed_in(self) -> Self {
        self.fails_with(&["unauthenticated"])
    }

    /// A parameter, which may break its rule.
    pub(super) fn parameter(mut self, parameter: Parameter) -> Self {
        self.builder = self.builder.parameter(parameter);
        self.fails_with(&["invalid_fields"])
    }

    /// A parameter that several operations have.
    fn parameter_ref(mut self, name: &str) -> Self {
        self.builder = self.builder.parameter_ref(Ref::new(format!("#/components/parameters/{name}")));
        self
    }

    /// A user's id in the query that must be the caller's.
    pub(super) fn own_user_id(self) -> Self {
        self.parameter_ref("user_id").fails_with(&["forbidden", "invalid_fields"])
    }

    /// The caller's own id in the path.
    pub(super) fn path_user_id(self) -> Self {
        self.parameter_ref("path_user_id").fails_with(&["forbidden", "invalid_fields"])
    }

    /// An entry's id in the path.
    pub(super) fn path_entry_id(self) -> Self {
        self.parameter_ref("entry_id").fails_with(&["invalid_fields", "not_found"])
    }

    /// Changes something, at most once for an `Idempotency-Key`.
    pub(super) fn writes(self) -> Self {
        self.parameter_ref("Idempotency-Key").fails_with(&["invalid_fields", "idempotency_key_reused"])
    }

    /// Changes only the version of an `If-Match`.
    pub(super) fn conditional(self) -> Self {
        self.parameter_ref("If-Match").fails_with(&["invalid_fields", "precondition_failed"])
    }

    /// Reads a JSON body.
    pub(super) fn body<T: ToSchema>(mut self, description: &str, examples: impl IntoIterator<Item = Example>) -> Self {
        let content =
            ContentBuilder::new().schema(Some(Ref::from_schema_name(T::name()))).examples_from_iter(shown(examples));
        let body = RequestBodyBuilder::new().description(Some(description)).required(Some(Required::True));
        self.builder = self.builder.request_body(Some(body.content("application/json", content.build()).build()));
        self.fails_with(&["malformed", "too_large", "unsupported_media_type", "invalid_fields"])
    }

    /// Errors of its own.
    pub(super) fn fails_with(mut self, codes: &[&'static str]) -> Self {
        self.codes.extend(codes);
        self
    }

    /// The answer may be kept and asked about again.
    pub(super) fn cacheable(self) -> Self {
        Self { is_cacheable: true, ..self }.parameter_ref("If-None-Match")
    }

    /// Every error carries the places to turn to.
    pub(super) fn with_resources(self) -> Self {
        Self { has_resources: true, ..self }
    }

    /// The answer of success, of a schema's name.
    pub(super) fn answers(
        self,
        status: u16,
        description: &str,
        schema: &str,
        examples: impl IntoIterator<Item = Example>,
    ) -> Self {
        self.answers_with(status, description, "application/json", Ref::from_schema_name(schema), examples)
    }

    /// The answer of success, of any type.
    pub(super) fn answers_with(
        mut self,
        status: u16,
        description: &str,
        media_type: &str,
        schema: impl Into<RefOr<utoipa::openapi::Schema>>,
        examples: impl IntoIterator<Item = Example>,
    ) -> Self {
        let content = ContentBuilder::new().schema(Some(schema)).examples_from_iter(shown(examples)).build();
        let response = ResponseBuilder::new().description(description).content(media_type, content);
        self.answers.insert(status.to_string(), self.headed(response).build());
        self
    }

    /// An answer of any kind, with what its status has besides.
    pub(super) fn answers_by(mut self, status: u16, response: ResponseBuilder) -> Self {
        self.answers.insert(status.to_string(), self.headed(response).build());
        self
    }

    /// A response without a body.
    pub(super) fn answers_nothing(self, description: &str) -> Self {
        self.answers_by(204, ResponseBuilder::new().description(description))
    }

    /// From the answer of success to an operation on what was made.
    pub(super) fn leads_to(
        mut self,
        name: &str,
        operation: &str,
        parameter: &str,
        expression: &str,
        about: &str,
    ) -> Self {
        let link =
            LinkBuilder::new().operation_id(operation).parameter(parameter, expression).description(about).build();
        for answer in self.answers.values_mut() {
            answer.links.insert(name.to_owned(), link.clone().into());
        }
        self
    }

    fn headed(&self, response: ResponseBuilder) -> ResponseBuilder {
        let always = ["X-Request-Id", "X-Response-Time", "Server-Timing"];
        let kept: &[&str] = if self.is_cacheable { &["ETag"] } else { &[] };
        let cached: &[&str] = if self.is_cacheable && !self.is_open { &["X-Cache"] } else { &[] };
        let names = always.iter().chain(kept).chain(cached);
        names.fold(response, |response, name| response.header_ref(*name, header(name)))
    }

    /// The operation, with an answer for each status.
    pub(super) fn build(mut self, known: &[Known]) -> utoipa::openapi::path::Operation {
        if self.is_cacheable {
            let unchanged = ResponseBuilder::new().description("What the client has is still right. There is no body.");
            self = self.answers_by(304, unchanged);
        }
        let mut builder = self.builder;
        let mut by_status: BTreeMap<&str, Vec<&Known>> = BTreeMap::new();
        for error in known.iter().filter(|known| self.codes.contains(&known.code.as_str())) {
            by_status.entry(&error.status).or_default().push(error);
        }
        if !by_status.contains_key("429") {
            builder = builder.response("429", RefOr::<Response>::Ref(Ref::from_response_name("throttled")));
        }
        if self.path.contains('{') && !by_status.contains_key("404") {
            builder = builder.response("404", RefOr::<Response>::Ref(Ref::from_response_name("unrouted")));
        }
        for (status, errors) in by_status {
            builder = builder.response(status, problem::answer(&errors, self.has_resources));
        }
        for (status, answer) in self.answers {
            builder = builder.response(status, answer);
        }
        let security = (!self.is_open).then(|| SecurityRequirement::new::<_, [&str; 0], &str>("bearerAuth", []));
        builder.securities(Some(security)).build()
    }
}

fn shown(
    examples: impl IntoIterator<Item = Example>,
) -> impl Iterator<Item = (&'static str, utoipa::openapi::example::Example)> {
    examples
        .into_iter()
        .map(|(name, summary, value)| (name, ExampleBuilder::new().summary(summary).value(Some(value)).build()))
}
