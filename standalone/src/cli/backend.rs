//! The option `--backend`, which several commands have.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use nettally_source::BackendChoice;

use crate::config::Overrides;

/// Forces a set of kernel hooks.
#[derive(Clone, Copy, Debug, Default, Args)]
pub(super) struct BackendOption {
    /// Which set of kernel hooks to use [default: as configured, auto].
    #[arg(long, value_name = "BACKEND", value_parser = choice())]
    pub(super) backend: Option<BackendChoice>,
}

impl BackendOption {
    /// Over the configuration file, which decides all else.
    pub(super) fn overrides(self) -> Overrides {
        let Self { backend } = self;
        Overrides {
            backend,
            ..Overrides::default()
        }
    }
}

fn choice() -> impl TypedValueParser<Value = BackendChoice> {
    PossibleValuesParser::new(BackendChoice::ALL.map(BackendChoice::name))
        .try_map(|name| name.parse::<BackendChoice>())
}
