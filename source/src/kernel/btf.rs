//! The running kernel's type information (BTF), as far as we ask it: members of structures, values of
//! enumerations, names of typedefs and functions.
//!
//! The format is that of `include/uapi/linux/btf.h`. aya has a reader of its own, which does not show
//! members; the crates that do are under licences that a statically linked program should not mix in.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::error::KernelError;

const MAGIC: u16 = 0xeb9f;

/// Bytes of a name that are kept, more than any has that we look for. A damaged file could have names
/// without end, and one for each of a million members.
const NAME_LENGTH: usize = 128;

/// Members that are looked at to find one: the kernel's largest structures have some hundreds. In a
/// damaged file a structure could hold itself, many times over.
const MEMBERS_LOOKED_AT: u32 = 100_000;

/// Structures that may lie in each other; the kernel nests far less.
const DEPTH: u32 = 32;

/// `BTF_KIND_*` of those we look at or must be able to skip.
mod kind {
    pub(super) const INT: u32 = 1;
    pub(super) const POINTER: u32 = 2;
    pub(super) const ARRAY: u32 = 3;
    pub(super) const STRUCT: u32 = 4;
    pub(super) const UNION: u32 = 5;
    pub(super) const ENUM: u32 = 6;
    pub(super) const FORWARD: u32 = 7;
    pub(super) const TYPEDEF: u32 = 8;
    pub(super) const VOLATILE: u32 = 9;
    pub(super) const CONST: u32 = 10;
    pub(super) const RESTRICT: u32 = 11;
    pub(super) const FUNC: u32 = 12;
    pub(super) const FUNC_PROTO: u32 = 13;
    pub(super) const VAR: u32 = 14;
    pub(super) const DATASEC: u32 = 15;
    pub(super) const FLOAT: u32 = 16;
    pub(super) const DECL_TAG: u32 = 17;
    pub(super) const TYPE_TAG: u32 = 18;
    pub(super) const ENUM64: u32 = 19;
}

/// Parsed type information.
#[derive(Debug)]
pub(super) struct Btf {
    types: Vec<Type>,
    structures: HashMap<String, u32>,
    enumerators: HashMap<String, u32>,
    typedefs: HashMap<String, u32>,
    functions: HashMap<String, u32>,
}

#[derive(Debug)]
enum Type {
    /// A structure or union.
    Composite(Vec<Member>),
    /// Another name or a qualifier for a type.
    Alias(u32),
    Other,
}

#[derive(Debug)]
struct Member {
    name: String,
    type_id: u32,
    bit_offset: u32,
}

impl Btf {
    /// Of the running kernel.
    pub(super) fn of_kernel() -> Result<Self, KernelError> {
        let path = Path::new("/sys/kernel/btf/vmlinux");
        let bytes = fs::read(path).map_err(|source| KernelError::ReadBtf {
            path: path.to_owned(),
            source,
        })?;
        Self::parse(&bytes).map_err(KernelError::MalformedBtf)
    }

    /// Byte offset of a member given as a path, such as `["__sk_common", "skc_family"]`; members of
    /// unnamed structures and unions inside are found as C finds them.
    pub(super) fn member_offset(&self, structure: &str, path: &[&str]) -> Option<u32> {
        let mut id = *self.structures.get(structure)?;
        let mut bits = 0;
        for name in path {
            let mut budget = MEMBERS_LOOKED_AT;
            let (offset, type_id) = self.member(id, name, DEPTH, &mut budget)?;
            bits = offset.checked_add(bits)?;
            id = type_id;
        }
        (bits % 8 == 0).then_some(bits / 8)
    }

    /// Value of an enumerator.
    pub(super) fn enumerator(&self, name: &str) -> Option<u32> {
        self.enumerators.get(name).copied()
    }

    /// Whether programs can be attached to the tracepoint.
    pub(super) fn has_tracepoint(&self, name: &str) -> bool {
        self.typedefs.contains_key(&format!("btf_trace_{name}"))
    }

    /// Number of the type of a function, by which programs are attached to it.
    pub(super) fn function(&self, name: &str) -> Option<u32> {
        self.functions.get(name).copied()
    }

    /// Bit offset and type of a member, unless `depth` or `budget` runs out.
    fn member(&self, id: u32, name: &str, depth: u32, budget: &mut u32) -> Option<(u32, u32)> {
        let depth = depth.checked_sub(1)?;
        match self.types.get(id as usize)? {
            Type::Alias(target) => self.member(*target, name, depth, budget),
            Type::Composite(members) => members.iter().find_map(|member| {
                *budget = budget.checked_sub(1)?;
                let Member {
                    name: found,
                    type_id,
                    bit_offset,
                } = member;
                if found == name {
                    return Some((*bit_offset, *type_id));
                }
                if !found.is_empty() {
                    return None;
                }
                let (inner, type_id) = self.member(*type_id, name, depth, budget)?;
                Some((bit_offset.checked_add(inner)?, type_id))
            }),
            Type::Other => None,
        }
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let header = Words { bytes };
        if bytes.get(..2) != Some(&MAGIC.to_le_bytes()) {
            return Err("it does not begin with BTF's magic number");
        }
        let header_length = header.at(4)?;
        let section = |offset: u32, length: u32| {
            let rest = bytes
                .get(header_length as usize..)
                .and_then(|body| body.get(offset as usize..));
            rest.and_then(|rest| rest.get(..length as usize))
                .ok_or("a section is cut short")
        };
        let types = Words {
            bytes: section(header.at(8)?, header.at(12)?)?,
        };
        let strings = section(header.at(16)?, header.at(20)?)?;

        let mut parsed = Self {
            // Type 0 is `void`.
            types: vec![Type::Other],
            structures: HashMap::new(),
            enumerators: HashMap::new(),
            typedefs: HashMap::new(),
            functions: HashMap::new(),
        };
        let mut position = 0;
        while position < types.bytes.len() {
            position = parsed.read_type(&types, strings, position)?;
        }
        Ok(parsed)
    }

    /// Reads the type at `position` and returns where the next one is.
    fn read_type(
        &mut self,
        types: &Words<'_>,
        strings: &[u8],
        position: usize,
    ) -> Result<usize, &'static str> {
        let id = u32::try_from(self.types.len()).map_err(|_too_many| "it has too many types")?;
        let name = types.at(position)?;
        let info = types.at(position + 4)?;
        let target = types.at(position + 8)?;
        let count = (info & 0xffff) as usize;
        // Members then hold their bit-field size in the upper byte of the offset.
        let has_bit_fields = info >> 31 == 1;
        let body = position + 12;
        let (read, length) = match info >> 24 & 0x1f {
            kind::STRUCT | kind::UNION => {
                let members = (0..count)
                    .map(|index| {
                        let at = body + index * 12;
                        let offset = types.at(at + 8)?;
                        Ok(Member {
                            name: text(strings, types.at(at)?),
                            type_id: types.at(at + 4)?,
                            bit_offset: if has_bit_fields {
                                offset & 0xff_ffff
                            } else {
                                offset
                            },
                        })
                    })
                    .collect::<Result<_, &str>>()?;
                self.structures.entry(text(strings, name)).or_insert(id);
                (Type::Composite(members), count * 12)
            }
            kind::ENUM => {
                for index in 0..count {
                    let at = body + index * 8;
                    self.enumerators
                        .insert(text(strings, types.at(at)?), types.at(at + 4)?);
                }
                (Type::Other, count * 8)
            }
            kind::TYPEDEF => {
                self.typedefs.insert(text(strings, name), id);
                (Type::Alias(target), 0)
            }
            kind::VOLATILE | kind::CONST | kind::RESTRICT | kind::TYPE_TAG => {
                (Type::Alias(target), 0)
            }
            kind::INT | kind::VAR | kind::DECL_TAG => (Type::Other, 4),
            kind::ARRAY => (Type::Other, 12),
            kind::FUNC_PROTO => (Type::Other, count * 8),
            kind::DATASEC | kind::ENUM64 => (Type::Other, count * 12),
            kind::FUNC => {
                self.functions.insert(text(strings, name), id);
                (Type::Other, 0)
            }
            kind::POINTER | kind::FORWARD | kind::FLOAT => (Type::Other, 0),
            _ => return Err("it has a kind of type that this build does not know"),
        };
        self.types.push(read);
        Ok(body + length)
    }
}

struct Words<'a> {
    bytes: &'a [u8],
}

impl Words<'_> {
    fn at(&self, position: usize) -> Result<u32, &'static str> {
        self.bytes
            .get(position..)
            .and_then(<[u8]>::first_chunk)
            .map(|&word| u32::from_le_bytes(word))
            .ok_or("it ends in the middle of a type")
    }
}

fn text(strings: &[u8], offset: u32) -> String {
    let rest = strings.get(offset as usize..).unwrap_or_default();
    let rest = &rest[..rest.len().min(NAME_LENGTH)];
    let end = rest
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(rest.len());
    String::from_utf8_lossy(&rest[..end]).into_owned()
}

#[cfg(test)]
mod fuzz;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_the_members_that_every_kernel_has() {
        let btf = Btf::of_kernel().unwrap();
        assert_eq!(btf.member_offset("sock", &["__sk_common"]), Some(0));
        assert_eq!(btf.member_offset("sock_common", &["skc_daddr"]), Some(0));
        assert!(
            btf.member_offset("task_struct", &["group_leader"])
                .is_some()
        );
        assert_eq!(btf.member_offset("task_struct", &["no_such_member"]), None);
        assert_eq!(btf.enumerator("SOCK_DONE"), Some(1));
        assert!(btf.has_tracepoint("inet_sock_set_state"));
        assert!(!btf.has_tracepoint("no_such_tracepoint"));
        assert!(btf.function("inet_sendmsg").is_some());
        assert_eq!(btf.function("no_such_function"), None);
    }

    #[test]
    fn every_truncation_is_an_error_and_no_panic() {
        let bytes = fs::read("/sys/kernel/btf/vmlinux").unwrap();
        for length in [0, 1, 2, 8, 23, 24, 1000, 100_001] {
            assert!(Btf::parse(&bytes[..length]).is_err(), "length {length}");
        }
        assert!(Btf::parse(&[0; 64]).is_err());
    }
}
