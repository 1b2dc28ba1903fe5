//! How this machine says who it is.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use nettally_source::Problem;
use serde::{Deserialize, Serialize};

use crate::delivery::secret::Secret;

/// How this machine says who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// In which way.
    pub strategy: Strategy,
    /// For `basic`.
    pub user: Option<String>,
    /// For `basic`; either this or `password_file`.
    pub password: Option<Secret>,
    /// For `basic`: a file with the password, read again for every request.
    pub password_file: Option<PathBuf>,
    /// For `bearer`; either this or `token_file`.
    pub token: Option<Secret>,
    /// For `bearer`: a file with the token, read again for every request.
    pub token_file: Option<PathBuf>,
}

/// In which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// By name and password.
    Basic,
    /// By a token.
    Bearer,
}

impl AuthConfig {
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let Self {
            strategy,
            user,
            password,
            password_file,
            token,
            token_file,
        } = self;
        let given = |option: &'static str, is_given: bool| (option, is_given);
        let basic = [
            given("user", user.is_some()),
            given("password", password.is_some()),
            given("password_file", password_file.is_some()),
        ];
        let bearer = [
            given("token", token.is_some()),
            given("token_file", token_file.is_some()),
        ];
        let (own, others, name) = match strategy {
            Strategy::Basic => (&basic[1..], &bearer[..], "basic"),
            Strategy::Bearer => (&bearer[..], &basic[..], "bearer"),
        };
        let mut problems: Vec<Problem> = others
            .iter()
            .filter(|(_, is_given)| *is_given)
            .map(|(option, _)| {
                Problem::new(
                    format!("auth.{option}"),
                    format!("is of no use with the strategy `{name}`"),
                )
            })
            .collect();
        let (secret, file) = (own[0], own[1]);
        if secret.1 == file.1 {
            let message = format!(
                "the strategy `{name}` takes either `{}` or `{}`",
                secret.0, file.0
            );
            problems.push(Problem::new("auth", message));
        }
        let is_name = |user: &str| !user.contains(':');
        match (strategy, user) {
            (Strategy::Basic, None) => {
                problems.push(Problem::new("auth", "the option `user` is missing"));
            }
            (Strategy::Basic, Some(user)) if !is_name(user) => {
                problems.push(Problem::new("auth.user", "a name cannot have `:` in it"));
            }
            (Strategy::Basic | Strategy::Bearer, _) => {}
        }
        problems
    }

    /// The value of the header `Authorization`, from files as they are now.
    pub(super) async fn header(&self) -> anyhow::Result<HeaderValue> {
        let Self {
            strategy,
            user,
            password,
            password_file,
            token,
            token_file,
        } = self;
        let text = match strategy {
            Strategy::Basic => {
                let password = secret(password.as_ref(), password_file.as_deref()).await?;
                let user = user.as_deref().unwrap_or_default();
                format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
            }
            Strategy::Bearer => {
                let token = secret(token.as_ref(), token_file.as_deref()).await?;
                format!("Bearer {token}")
            }
        };
        let mut value = HeaderValue::try_from(text)
            .ok()
            .context("the secret has characters that a header cannot have")?;
        value.set_sensitive(true);
        Ok(value)
    }
}

async fn secret(given: Option<&Secret>, file: Option<&Path>) -> anyhow::Result<String> {
    match (given, file) {
        (Some(secret), _) => Ok(secret.reveal().to_owned()),
        (None, Some(path)) => {
            let text = tokio::fs::read_to_string(path)
                .await
                .with_context(|| format!("cannot read the secret in {}", path.display()))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        (None, None) => Ok(String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: serde_json::Value) -> AuthConfig {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn what_does_not_fit_the_strategy_is_refused() {
        let cases = [
            (
                serde_json::json!({ "strategy": "bearer", "token": "t" }),
                &[][..],
            ),
            (
                serde_json::json!({ "strategy": "bearer", "user": "u" }),
                &[
                    "auth.user: is of no use with the strategy `bearer`",
                    "auth: the strategy `bearer` takes either `token` or `token_file`",
                ],
            ),
            (
                serde_json::json!({ "strategy": "basic", "password": "p", "password_file": "f" }),
                &[
                    "auth: the strategy `basic` takes either `password` or `password_file`",
                    "auth: the option `user` is missing",
                ],
            ),
            (
                serde_json::json!({ "strategy": "basic", "user": "a:b", "password": "p" }),
                &["auth.user: a name cannot have `:` in it"],
            ),
        ];
        for (json, expected) in cases {
            let found: Vec<_> = parsed(json)
                .problems()
                .iter()
                .map(ToString::to_string)
                .collect();
            assert_eq!(found, expected);
        }
    }

    #[tokio::test]
    async fn headers_are_as_the_standards_say_and_files_are_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let basic = parsed(serde_json::json!({
            "strategy": "basic", "user": "Aladdin", "password": "open sesame",
        }));
        let bearer = parsed(serde_json::json!({ "strategy": "bearer", "token_file": file }));
        let header = basic.header().await.unwrap();
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(header.is_sensitive());
        let error = bearer.header().await.unwrap_err();
        assert!(error.to_string().contains("token"), "{error}");
        for token in ["one", "two"] {
            std::fs::write(&file, format!("{token}\n")).unwrap();
            assert_eq!(bearer.header().await.unwrap(), format!("Bearer {token}"));
        }
    }

    #[test]
    fn a_secret_is_not_shown() {
        let auth = parsed(serde_json::json!({ "strategy": "bearer", "token": "hunter2" }));
        let shown = format!("{auth:?} {}", serde_json::to_string(&auth).unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
