//! Which kernel module needs which, from the file `modules.dep`.

/// Lines of a module and those that it needs, the one to be loaded first at the end.
pub(super) struct Dependencies<'a>(Vec<(&'a str, Vec<&'a str>)>);

impl<'a> Dependencies<'a> {
    pub(super) fn of(list: &'a str) -> Self {
        let line = |line: &'a str| {
            let (module, needed) = line.split_once(':')?;
            Some((module, needed.split_whitespace().collect()))
        };
        Self(list.lines().filter_map(line).collect())
    }

    /// The files of these modules and of all that they need, in the order to load them. A name of
    /// no module is left out: that kernel has it built in, or has it not.
    pub(super) fn order(&self, names: &[&str]) -> Vec<&'a str> {
        let Self(modules) = self;
        let mut order = Vec::new();
        for name in names {
            let known = modules.iter().find(|(file, _)| stem(file) == *name);
            if let Some((file, needed)) = known {
                for file in needed.iter().rev().chain([file]) {
                    if !order.contains(file) {
                        order.push(file);
                    }
                }
            }
        }
        order
    }
}

/// The kernel's name of a module, which has `_` for every `-`.
fn stem(file: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    let name = name.split(".ko").next().unwrap_or(name);
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_once() {
        let list = "a/nat.ko.xz: a/track.ko.xz lib/crc.ko.xz\na/track.ko.xz: lib/crc.ko.xz\n\
                    lib/crc.ko.xz:\nb/aesni-intel.ko: lib/crc.ko.xz\n";
        let order = Dependencies::of(list).order(&["nat", "built_in", "aesni_intel", "track"]);
        assert_eq!(
            order,
            [
                "lib/crc.ko.xz",
                "a/track.ko.xz",
                "a/nat.ko.xz",
                "b/aesni-intel.ko"
            ]
        );
    }
}
