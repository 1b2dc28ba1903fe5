//! The query string, read strictly: a misspelt parameter must not quietly mean "everything".

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Display;
use std::str::FromStr;

use warp::Filter;

use super::endpoint::Parameter;
use super::error::ApiError;

/// Parameters of a request, each allowed and given once.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Params(BTreeMap<String, String>);

/// The query string; empty if there is none.
pub(super) fn query_string() -> impl Filter<Extract = (String,), Error = Infallible> + Clone {
    warp::query::raw().or_else(|_no_query| async { Ok::<_, Infallible>((String::new(),)) })
}

impl Params {
    /// Reads a query string.
    pub(super) fn parse(query: &str, allowed: &[Parameter]) -> Result<Self, ApiError> {
        let allowed: Vec<&str> = allowed.iter().map(|parameter| parameter.name).collect();
        let mut values = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !allowed.contains(&&*name) {
                let list = match &allowed[..] {
                    [] => "none".to_owned(),
                    names => names.join(", "),
                };
                let message = format!("unknown parameter `{name}`; allowed: {list}");
                return Err(ApiError::parameter(name, message));
            }
            if values.contains_key(&*name) {
                let message = format!("parameter `{name}` is given more than once");
                return Err(ApiError::parameter(name, message));
            }
            values.insert(name.into_owned(), value.into_owned());
        }
        Ok(Self(values))
    }

    /// The text of a parameter; an empty one counts as absent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|text| !text.is_empty())
    }

    /// A parameter, parsed by its type.
    pub(super) fn parsed<T>(&self, name: &str) -> Result<Option<T>, ApiError>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.text(name)
            .map(|text| {
                text.parse()
                    .map_err(|error| ApiError::parameter(name, error))
            })
            .transpose()
    }

    /// A comma-separated list.
    pub(super) fn list<T>(&self, name: &str) -> Result<Vec<T>, ApiError>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.text(name).map_or_else(
            || Ok(Vec::new()),
            |text| {
                text.split(',')
                    .map(|word| {
                        word.trim()
                            .parse()
                            .map_err(|error| ApiError::parameter(name, error))
                    })
                    .collect()
            },
        )
    }

    /// A number between 1 and `most`.
    pub(super) fn limit(&self, default: u32, most: u32) -> Result<u32, ApiError> {
        Ok(self.within("limit", 1, most)?.unwrap_or(default))
    }

    /// A number between two others.
    pub(super) fn within(
        &self,
        name: &str,
        least: u32,
        most: u32,
    ) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Ok(Some(number)),
            _ => {
                let message = format!("`{text}` is not a number between {least} and {most}");
                Err(ApiError::parameter(name, message))
            }
        }
    }

    /// A number that must be a `u32`.
    pub(super) fn number(&self, name: &str) -> Result<Option<u32>, ApiError> {
        self.text(name)
            .map(|text| {
                text.parse().map_err(|_not_a_number| {
                    let message = format!("`{text}` is not a number between 0 and {}", u32::MAX);
                    ApiError::parameter(name, message)
                })
            })
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::endpoint::Takes;

    fn named(name: &'static str) -> Parameter {
        Parameter {
            name,
            meaning: "",
            takes: Takes::Text,
        }
    }

    #[test]
    fn names_and_values_are_decoded() {
        let params = Params::parse("process=Web+Content%20%3C%26", &[named("process")]).unwrap();
        assert_eq!(params.text("process"), Some("Web Content <&"));
    }

    #[test]
    fn an_unknown_or_repeated_parameter_is_named() {
        for (query, expected) in [
            (
                "sinse=1h",
                "unknown parameter `sinse`; allowed: since, limit",
            ),
            (
                "limit=1&limit=2",
                "parameter `limit` is given more than once",
            ),
        ] {
            let error = Params::parse(query, &[named("since"), named("limit")]).unwrap_err();
            assert_eq!(error.to_string(), expected);
        }
    }
}
