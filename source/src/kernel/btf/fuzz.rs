//! Type information that no compiler made.

use std::sync::LazyLock;

use proptest::array::uniform5;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::kernel::offsets::offsets;

/// Members and types that we look for, so that what is made up is looked into.
const STRINGS: &[u8] =
    b"\0sock\0__sk_common\0skc_family\0skc_dport\0task_struct\0tgid\0SOCK_DONE\0\
                         sk_lock\0owned\0btf_trace_sock_send_length\0";

const HEADER: usize = 24;

/// Every kind with the right length of what follows it; names and types that are there or nearly.
fn well_formed() -> impl Strategy<Value = Vec<u8>> {
    let some_type = (
        1..=19_u32,
        any::<bool>(),
        0..110_u32,
        0..40_u32,
        vec(0..110_u32, 0..30),
    );
    vec(some_type, 0..40).prop_map(|types| {
        let mut words = Vec::new();
        for (kind, has_bit_fields, name, target, mut body) in types {
            let each = match kind {
                kind::STRUCT | kind::UNION | kind::DATASEC | kind::ENUM64 => 3,
                kind::ENUM | kind::FUNC_PROTO => 2,
                _ => 0,
            };
            let count = body.len().checked_div(each).unwrap_or(0);
            body.resize(
                match kind {
                    kind::INT | kind::VAR | kind::DECL_TAG => 1,
                    kind::ARRAY => 3,
                    _ => count * each,
                },
                0,
            );
            words.extend([
                name,
                count as u32 | kind << 24 | u32::from(has_bit_fields) << 31,
                target,
            ]);
            words.extend(body);
        }
        file(&words, STRINGS)
    })
}

fn file(types: &[u32], strings: &[u8]) -> Vec<u8> {
    let types: Vec<u8> = types.iter().flat_map(|word| word.to_le_bytes()).collect();
    let (types_length, strings_length) = (types.len() as u32, strings.len() as u32);
    let header = [
        u32::from(MAGIC) | 1 << 16,
        HEADER as u32,
        0,
        types_length,
        types_length,
        strings_length,
    ];
    let header = header.iter().flat_map(|word| word.to_le_bytes());
    header.chain(types).chain(strings.iter().copied()).collect()
}

/// What any reader of it asks.
fn ask(bytes: &[u8]) {
    let Ok(btf) = Btf::parse(bytes) else {
        return;
    };
    // One that is whole has nothing that we need either.
    let _fields_or_what_is_missing = offsets(&btf);
    btf.member_offset("sock", &["__sk_common", "skc_family"]);
    btf.member_offset("task_struct", &["tgid"]);
    btf.member_offset("sock", &["owned"]);
}

fn flip(bytes: &mut [u8], places: &[(Index, u8)]) {
    if bytes.is_empty() {
        return;
    }
    for (place, bits) in places {
        bytes[place.index(bytes.len())] ^= bits;
    }
}

fn damage(at_most: usize) -> impl Strategy<Value = Vec<(Index, u8)>> {
    vec((any::<Index>(), 1..=255_u8), 1..=at_most)
}

proptest! {
    #[test]
    fn what_is_well_formed_is_read(bytes in well_formed()) {
        prop_assert!(Btf::parse(&bytes).is_ok());
        ask(&bytes);
    }

    #[test]
    fn any_bytes_after_the_magic_are_no_panic(rest in vec(any::<u8>(), 0..600)) {
        ask(&[MAGIC.to_le_bytes().as_slice(), &rest].concat());
    }

    #[test]
    fn any_types_are_no_panic(types in vec(any::<u32>(), 0..200)) {
        ask(&file(&types, STRINGS));
    }

    #[test]
    fn any_header_is_no_panic(words in uniform5(any::<u32>()), near in uniform5(0..200_u32)) {
        for words in [words, near] {
            let mut bytes = file(&[0; 30], STRINGS);
            for (index, word) in words.iter().enumerate() {
                bytes[4 + index * 4..][..4].copy_from_slice(&word.to_le_bytes());
            }
            ask(&bytes);
        }
    }

    #[test]
    fn flipped_bits_are_no_panic(
        mut bytes in well_formed(),
        places in damage(8),
        length in any::<Index>(),
    ) {
        flip(&mut bytes, &places);
        ask(&bytes);
        ask(&bytes[..length.index(bytes.len())]);
    }
}

static KERNEL: LazyLock<Vec<u8>> =
    LazyLock::new(|| fs::read("/sys/kernel/btf/vmlinux").expect("kernels here have it"));

proptest! {
    // Each reads megabytes.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_damaged_kernel_is_no_panic(
        header in damage(2),
        body in damage(200),
        length in any::<Index>(),
        place in 0..4,
    ) {
        let mut bytes = KERNEL.clone();
        match place {
            0 => flip(&mut bytes[..HEADER], &header),
            1 => bytes.truncate(length.index(KERNEL.len())),
            _ => flip(&mut bytes[HEADER..], &body),
        }
        ask(&bytes);
    }
}

/// Without a limit, looking into this would take longer than the kernel is old.
#[test]
fn types_that_hold_themselves_many_times_come_to_an_end() {
    let members = 1000;
    let mut types = vec![1, kind::STRUCT << 24 | members, 0];
    types.extend((0..members).flat_map(|_member| [0, 1, 0]));
    let btf = Btf::parse(&file(&types, STRINGS)).unwrap();
    assert_eq!(btf.member_offset("sock", &["skc_family"]), None);
}

/// A file of some megabytes could ask for a terabyte.
#[test]
fn names_that_never_end_are_cut_off() {
    let types: Vec<u32> = (0..20_000)
        .flat_map(|_type| [0, kind::STRUCT << 24, 0])
        .collect();
    let btf = Btf::parse(&file(&types, &[b'a'; 1 << 20])).unwrap();
    assert!(btf.structures.keys().all(|name| name.len() <= NAME_LENGTH));
    let types: Vec<u32> = [1, kind::STRUCT << 24 | 60_000, 0]
        .into_iter()
        .chain((0..60_000).flat_map(|_member| [1, 1, 0]))
        .collect();
    let btf = Btf::parse(&file(&types, &[b'a'; 1 << 20])).unwrap();
    let Some(Type::Composite(members)) = btf.types.get(1) else {
        panic!("{:?}", btf.types.first());
    };
    let bytes: usize = members.iter().map(|member| member.name.len()).sum();
    assert!(bytes <= 60_000 * NAME_LENGTH, "{bytes} bytes of names");
}
