//! What is served: each endpoint says of itself what the document of the API and the parser of
//! parameters need to know, so that neither can say anything else.

use std::future::Future;
use std::sync::Arc;

use schemars::{Schema, SchemaGenerator};
use warp::filters::BoxedFilter;
use warp::http::{HeaderMap, Method};
use warp::path::FullPath;
use warp::reply::Response;
use warp::{Filter as _, Rejection, reject};

use super::api::Api;
use super::error::ApiError;
use super::guard::{Origin, token_guard};
use super::params::{Params, query_string};

/// A parameter of the query string.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) takes: Takes,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Takes {
    Text,
    /// One of `Field`.
    Field,
    /// Several of them, with commas.
    Fields,
    Words(&'static [&'static str]),
    Number {
        least: u32,
        most: u32,
    },
}

impl Takes {
    pub(super) const YES_OR_NO: Self = Self::Words(&["true", "false"]);
}

/// What an answer is.
#[derive(Clone, Copy)]
pub(super) enum Content {
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// Of one of these types.
    Text(&'static [&'static str]),
    /// Lines without an end, of this type.
    Lines(&'static str),
    /// Server-sent events, each of which has this as data.
    Events(fn(&mut SchemaGenerator) -> Schema),
    Nothing,
}

/// Who may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Whoever brings the token, if there is one.
    Token,
    Anybody,
}

/// One path and what can be asked there.
pub(super) struct Endpoint {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) parameters: fn() -> Vec<Parameter>,
    /// Of the query string, for an example.
    pub(super) example: &'static str,
    pub(super) content: Content,
    /// Whether it is answered from the database.
    pub(super) is_past: bool,
    pub(super) access: Access,
    pub(super) route: fn(Arc<Api>, Origin) -> BoxedFilter<(Response,)>,
}

/// A request, as far as an endpoint looks at it.
pub(super) struct Request {
    pub(super) endpoint: &'static Endpoint,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
}

impl Request {
    /// The parameters, of which the endpoint must have each.
    pub(super) fn params(&self) -> Result<Params, ApiError> {
        Params::parse(&self.query, &(self.endpoint.parameters)())
    }
}

/// For an endpoint without any.
pub(super) const fn no_parameters() -> Vec<Parameter> {
    Vec::new()
}

impl Endpoint {
    /// Lets pass what asks for this endpoint, and may.
    pub(super) fn asked(&'static self, api: Arc<Api>, origin: Origin) -> BoxedFilter<()> {
        let here = warp::path::full()
            .and_then(move |path: FullPath| async move {
                if path.as_str() == self.path {
                    Ok(())
                } else {
                    Err(reject::not_found())
                }
            })
            .untuple_one();
        let token = match self.access {
            Access::Token => token_guard(api, origin),
            Access::Anybody => warp::any().boxed(),
        };
        let method = warp::method()
            .and_then(move |method: Method| async move {
                if method == self.method {
                    Ok(())
                } else {
                    let allowed = self.method.clone();
                    Err(reject::custom(ApiError::Method { allowed }))
                }
            })
            .untuple_one();
        here.and(token).and(method).boxed()
    }

    /// Answers what asks for this endpoint with `handler`.
    pub(super) fn answered<F>(
        &'static self,
        api: Arc<Api>,
        origin: Origin,
        handler: fn(Arc<Api>, Request) -> F,
    ) -> BoxedFilter<(Response,)>
    where
        F: Future<Output = Result<Response, ApiError>> + Send + 'static,
    {
        self.asked(Arc::clone(&api), origin)
            .and(query_string())
            .and(warp::header::headers_cloned())
            .and_then(move |query: String, headers: HeaderMap| {
                let answer = handler(
                    Arc::clone(&api),
                    Request {
                        endpoint: self,
                        query,
                        headers,
                    },
                );
                async move { answer.await.map_err(reject::custom) }
            })
            .boxed()
    }
}

/// What is not found anywhere.
pub(super) fn nowhere() -> BoxedFilter<(Response,)> {
    warp::any()
        .and_then(|| async { Err::<Response, Rejection>(reject::not_found()) })
        .boxed()
}
