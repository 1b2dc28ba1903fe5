//! `GET config`: the configuration that is in effect, without its secrets.

use std::sync::Arc;

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde_json::{Map, Value};
use warp::http::Method;
use warp::reply::{Reply as _, Response};

use super::api::Api;
use super::endpoint::{Access, Content, Endpoint, Request, no_parameters};
use super::error::ApiError;

/// What is served.
pub(super) static ENDPOINT: Endpoint = Endpoint {
    method: Method::GET,
    path: "/api/v1/config",
    summary: "The configuration that is in effect, defaults included, secrets hidden",
    parameters: no_parameters,
    example: "",
    content: Content::Json(SchemaGenerator::subschema_for::<Configuration<'_>>),
    is_past: false,
    access: Access::Token,
    route: |api, origin| ENDPOINT.answered(api, origin, answer),
};

async fn answer(api: Arc<Api>, request: Request) -> Result<Response, ApiError> {
    request.params()?;
    Ok(warp::reply::json(&Configuration(&api.reloads.in_force())).into_response())
}

/// As a configuration file has it; what is secret is `***`.
#[derive(Serialize)]
#[serde(transparent)]
struct Configuration<'a>(&'a Value);

impl JsonSchema for Configuration<'_> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Configuration".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> schemars::Schema {
        generator.subschema_for::<Map<String, Value>>()
    }
}
