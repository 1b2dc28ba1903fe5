//! A file system in memory, written in the form that the kernel unpacks at boot (cpio, `newc`).

use std::collections::BTreeMap;

/// What is at a path.
#[derive(Debug)]
enum Entry {
    Directory,
    File { executable: bool, bytes: Vec<u8> },
    Link { target: String },
}

/// Paths without the slash in front, each after the directories it is in.
#[derive(Debug, Default)]
pub(super) struct Archive(BTreeMap<String, Entry>);

impl Archive {
    pub(super) fn directory(&mut self, path: &str) {
        self.put(path, Entry::Directory);
    }

    pub(super) fn file(&mut self, path: &str, executable: bool, bytes: Vec<u8>) {
        self.put(path, Entry::File { executable, bytes });
    }

    pub(super) fn link(&mut self, path: &str, target: &str) {
        let target = target.to_owned();
        self.put(path, Entry::Link { target });
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.0.contains_key(path.trim_matches('/'))
    }

    fn put(&mut self, path: &str, entry: Entry) {
        let path = path.trim_matches('/');
        for (slash, _) in path.match_indices('/') {
            let parent = path[..slash].to_owned();
            self.0.entry(parent).or_insert(Entry::Directory);
        }
        self.0.insert(path.to_owned(), entry);
    }

    /// The bytes of the archive.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for (number, (path, entry)) in self.0.iter().enumerate() {
            let (mode, content): (u32, &[u8]) = match entry {
                Entry::Directory => (0o040_755, &[]),
                Entry::File {
                    executable: true,
                    bytes,
                } => (0o100_755, bytes),
                Entry::File {
                    executable: false,
                    bytes,
                } => (0o100_644, bytes),
                Entry::Link { target } => (0o120_777, target.as_bytes()),
            };
            append(&mut out, number + 1, mode, path, content);
        }
        append(&mut out, 0, 0, "TRAILER!!!", &[]);
        out
    }
}

/// One member: a header of hexadecimal numbers, the name, the content, both padded to 4 bytes.
fn append(out: &mut Vec<u8>, inode: usize, mode: u32, name: &str, content: &[u8]) {
    const MAGIC: &str = "070701";
    const LINKS: usize = 1;
    let fields = [
        inode,
        mode as usize,
        0, // user
        0, // group
        LINKS,
        0, // time of modification
        content.len(),
        0, // device of the file, major and minor
        0,
        0, // device that the file is, major and minor
        0,
        name.len() + 1,
        0, // checksum, not in this form
    ];
    out.extend_from_slice(MAGIC.as_bytes());
    for field in fields {
        out.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    out.extend_from_slice(name.as_bytes());
    out.push(0);
    pad(out);
    out.extend_from_slice(content);
    pad(out);
}

fn pad(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_come_before_what_is_in_them() {
        let mut archive = Archive::default();
        archive.file("/a/b/c", true, b"hello".to_vec());
        archive.link("/a/b/d", "c");
        let bytes = archive.bytes();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8(bytes).unwrap();
        let names: Vec<&str> = text
            .split("070701")
            .filter_map(|member| member.get(104..)?.split('\0').next())
            .collect();
        assert_eq!(names, ["a", "a/b", "a/b/c", "a/b/d", "TRAILER!!!"]);
        assert!(text.contains("hello"));
        assert!(archive.has("/a/b") && !archive.has("/b"));
    }
}
