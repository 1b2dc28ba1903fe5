//! `GET openapi.json`: the document of the API (OpenAPI 3.1), made of what is served.

use std::sync::{Arc, LazyLock};

use nettally_sqlite_sink::Field;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};
use warp::http::Method;
use warp::http::header::{CACHE_CONTROL, ETAG};
use warp::reply::{Reply as _, Response};

use super::api::Api;
use super::endpoint::{Access, Content, Endpoint, Parameter, Request, Takes, no_parameters};
use super::error::{ApiError, ErrorBody};
use super::etag::Tag;
use super::routes::ENDPOINTS;

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/openapi.json",
    summary: "This document",
    parameters: no_parameters,
    example: "",
    content: Content::Json(SchemaGenerator::subschema_for::<Map<String, Value>>),
    is_past: false,
    access: Access::Anybody,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

async fn answer(_api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    request.params()?;
    let mut response = warp::reply::json(&*DOCUMENT).into_response();
    let headers = response.headers_mut();
    headers.insert(ETAG, Tag::of(&["openapi"]).header());
    headers.insert(
        CACHE_CONTROL,
        warp::http::HeaderValue::from_static("no-cache"),
    );
    Ok(response)
}

/// The whole document.
pub(super) fn document() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.contract = Contract::Serialize;
    });
    let mut generator = settings.into_generator();
    let error = generator.subschema_for::<ErrorBody<'_>>();
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in ENDPOINTS {
        let operation = operation(endpoint, &mut generator, &error);
        let method = endpoint.method.as_str().to_lowercase();
        paths.insert(endpoint.path.to_owned(), json!({ method: operation }));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "nettally",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Which process sent and received how many bytes, to and from which \
                address, over which protocol. Unknown parameters are refused. Bytes are payload at \
                the socket layer. Times are RFC 3339 in UTC.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": {
            "schemas": generator.take_definitions(true),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "Needed where other machines can reach the address, or where a \
                        `token_file` is configured.",
                },
            },
        },
    })
}

fn operation(endpoint: &Endpoint, generator: &mut SchemaGenerator, error: &Schema) -> Value {
    let parameters: Vec<Value> = (endpoint.parameters)().iter().map(parameter).collect();
    let mut responses = Map::new();
    let (status, success) = success(endpoint, generator);
    responses.insert(status.to_owned(), success);
    if endpoint.is_past || endpoint.path == ENDPOINT.path {
        let known = "The client has this answer, as `If-None-Match` says.";
        responses.insert("304".to_owned(), json!({ "description": known }));
    }
    for &(status, what) in refusals(endpoint).iter().flat_map(|part| *part) {
        let refusal = json!({
            "description": what,
            "content": { "application/json": { "schema": error } },
        });
        responses.insert(status.to_owned(), refusal);
    }
    for (status, what) in [
        (
            "414",
            "The address is longer than 65,534 bytes; closed without a body.",
        ),
        (
            "431",
            "The head of the request is too long, or has more than 100 headers; no body.",
        ),
    ] {
        responses.insert(status.to_owned(), json!({ "description": what }));
    }
    let name = endpoint.path.trim_start_matches("/api/v1/");
    let id: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let mut operation = json!({
        "operationId": id.trim_matches('_'),
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": responses,
        "x-example": endpoint.example,
    });
    if endpoint.method == Method::POST {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "text/plain": { "schema": { "type": "string", "maxLength": 1024 } } },
        });
    }
    if endpoint.access == Access::Token {
        operation["security"] = json!([{}, { "token": [] }]);
    }
    operation
}

fn success(endpoint: &Endpoint, generator: &mut SchemaGenerator) -> (&'static str, Value) {
    let content = match endpoint.content {
        Content::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        Content::Events(schema) => {
            let schema = schema(generator);
            json!({ "text/event-stream": {
                "schema": { "type": "string", "x-data": schema },
            } })
        }
        Content::Text(types) => Value::Object(
            types
                .iter()
                .map(|name| {
                    (
                        (*name).to_owned(),
                        json!({ "schema": { "type": "string" } }),
                    )
                })
                .collect(),
        ),
        Content::Lines(name) => json!({ name: { "schema": { "type": "string" } } }),
        Content::Nothing => return ("204", json!({ "description": "Done." })),
    };
    let mut success = json!({ "description": "The answer.", "content": content });
    if endpoint.is_past {
        success["headers"] = json!({ "ETag": {
            "description": "Ask again with `If-None-Match`: 304 if nothing has changed since.",
            "schema": { "type": "string" },
        } });
    }
    ("200", success)
}

type Refusals = &'static [(&'static str, &'static str)];

/// What an endpoint may refuse, beside what no answer has a body for.
fn refusals(endpoint: &Endpoint) -> Vec<Refusals> {
    const ALL: Refusals = &[
        (
            "400",
            "A parameter is unknown, given twice or wrong; or the request is malformed.",
        ),
        (
            "403",
            "The request comes from a page of another site, or names a foreign host.",
        ),
        ("405", "Another method is allowed here."),
        (
            "429",
            "Too many requests from this address; `Retry-After` says when to come back.",
        ),
    ];
    const TOKEN: Refusals = &[("401", "The token is missing or wrong.")];
    const PAST: Refusals = &[
        ("500", "The history could not be read."),
        (
            "503",
            "Nothing keeps history, or too many questions are being answered.",
        ),
    ];
    const BODY: Refusals = &[
        ("411", "The header `Content-Length` is missing."),
        ("413", "The body is too long for a token."),
    ];
    const STREAM: Refusals = &[("503", "Too many streams are open.")];
    let mut refusals = vec![ALL];
    if endpoint.access == Access::Token || endpoint.method == Method::POST {
        refusals.push(TOKEN);
    }
    if endpoint.method == Method::POST {
        refusals.push(BODY);
    }
    if endpoint.is_past {
        refusals.push(PAST);
    }
    if let Content::Events(_) | Content::Lines(_) = endpoint.content {
        refusals.push(STREAM);
    }
    refusals
}

fn parameter(parameter: &Parameter) -> Value {
    let Parameter {
        name,
        meaning,
        takes,
    } = parameter;
    let fields = || json!({ "type": "string", "enum": Field::ALL.map(Field::name) });
    let schema = match takes {
        Takes::Text => json!({ "type": "string" }),
        Takes::Field => fields(),
        Takes::Fields => json!({ "type": "array", "items": fields(), "uniqueItems": true }),
        Takes::Words(words) => json!({ "type": "string", "enum": words }),
        Takes::Number { least, most } => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
    };
    let mut told = json!({
        "name": name,
        "in": "query",
        "required": false,
        "description": meaning,
        "schema": schema,
    });
    if let Takes::Fields = takes {
        told["style"] = json!("form");
        told["explode"] = json!(false);
    }
    told
}
