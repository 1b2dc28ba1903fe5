//! Which processes the user wants reported.

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::config::NameSelection;
use crate::pipeline::Process;

/// Globs on names, compiled, and whether tunnels are wanted.
#[derive(Debug)]
pub(crate) struct Selection {
    tunnels: bool,
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Selection {
    /// # Errors
    /// Names the glob that cannot be read.
    pub(crate) fn new(names: &NameSelection, tunnels: bool) -> Result<Self, globset::Error> {
        let NameSelection { include, exclude } = names;
        let include = if include.is_empty() {
            None
        } else {
            Some(compiled(include)?)
        };
        Ok(Self {
            tunnels,
            include,
            exclude: compiled(exclude)?,
        })
    }

    pub(crate) fn selects(&self, process: &Process) -> bool {
        let Self {
            tunnels,
            include,
            exclude,
        } = self;
        let name = &process.name;
        (*tunnels || !process.tunnel)
            && include.as_ref().is_none_or(|globs| globs.is_match(name))
            && !exclude.is_match(name)
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
    use crate::pipeline::ProcessId;

    #[test]
    fn tunnels_may_be_left_out() {
        for (tunnels, tunnel, expected) in [
            (true, true, true),
            (true, false, true),
            (false, true, false),
            (false, false, true),
        ] {
            let process = Process {
                tunnel,
                ..Process::named(ProcessId::default(), "openvpn")
            };
            let selection = Selection::new(&NameSelection::default(), tunnels).unwrap();
            assert_eq!(selection.selects(&process), expected);
        }
    }

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
            Selection::new(&names(include, exclude), true)
                .unwrap()
                .selects(&Process::named(ProcessId::default(), name))
        };
        assert!(selects(&[], &[], "curl"));
        assert!(selects(&["fire*", "curl"], &[], "curl"));
        assert!(!selects(&["fire*"], &[], "curl"));
        assert!(!selects(&["*"], &["cu?l"], "curl"));
        assert!(Selection::new(&names(&["[a"], &[]), true).is_err());
    }
}
