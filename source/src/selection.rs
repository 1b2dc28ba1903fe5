//! Which processes the user wants reported.

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::config::NameSelection;

/// Globs on names, compiled.
#[derive(Debug)]
pub(crate) struct Selection {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Selection {
    /// # Errors
    /// Names the glob that cannot be read.
    pub(crate) fn new(names: &NameSelection) -> Result<Self, globset::Error> {
        let NameSelection { include, exclude } = names;
        let include = if include.is_empty() {
            None
        } else {
            Some(compiled(include)?)
        };
        Ok(Self {
            include,
            exclude: compiled(exclude)?,
        })
    }

    pub(crate) fn selects(&self, name: &str) -> bool {
        self.include
            .as_ref()
            .is_none_or(|globs| globs.is_match(name))
            && !self.exclude.is_match(name)
    }
}

fn compiled(globs: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(Glob::new(glob)?);
    }
    set.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn include_narrows_and_exclude_wins() {
        let names = |include: &[&str], exclude: &[&str]| {
            let owned = |list: &[&str]| list.iter().map(|&glob| glob.to_owned()).collect();
            NameSelection {
                include: owned(include),
                exclude: owned(exclude),
            }
        };
        let selects = |include, exclude, name| {
            Selection::new(&names(include, exclude))
                .unwrap()
                .selects(name)
        };
        assert!(selects(&[], &[], "curl"));
        assert!(selects(&["fire*", "curl"], &[], "curl"));
        assert!(!selects(&["fire*"], &[], "curl"));
        assert!(!selects(&["*"], &["cu?l"], "curl"));
        assert!(Selection::new(&names(&["[a"], &[])).is_err());
    }
}
