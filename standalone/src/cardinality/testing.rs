//! Flows and options at random.

use nettally_source::{Protocol, Usage};
use proptest::prelude::*;

use super::{Label, RemoteDetail, RemotesConfig, SeriesConfig};
use crate::live::testing::flow;

/// Name, last byte of the remote, protocol, sent and received bytes.
pub(super) type Flow = (u8, u8, usize, u64, u64);

pub(super) fn usages(most: usize) -> impl Strategy<Value = Vec<Flow>> {
    let bytes = 0..u64::from(u32::MAX);
    let flow = (
        0..9_u8,
        any::<u8>(),
        0..Protocol::ALL.len(),
        bytes.clone(),
        bytes,
    );
    prop::collection::vec(flow, 0..most)
}

pub(super) fn usage(&(name, remote, protocol, sent, received): &Flow) -> Usage {
    let name = if name == 8 {
        "other".to_owned()
    } else {
        format!("p{name}")
    };
    Usage {
        protocol: Protocol::ALL[protocol],
        ..flow(&name, 1, &format!("192.0.2.{remote}"), sent, received)
    }
}

pub(super) fn config() -> impl Strategy<Value = SeriesConfig> {
    let labels = prop::sample::subsequence(
        vec![
            Label::Process,
            Label::User,
            Label::Remote,
            Label::RemotePort,
            Label::Protocol,
        ],
        0..=5,
    );
    let detail = prop::sample::select(vec![
        RemoteDetail::Address,
        RemoteDetail::Prefix,
        RemoteDetail::None,
    ]);
    (labels, prop::option::of(1..9_usize), detail, 20..32_u8).prop_map(
        |(labels, top, detail, ipv4_prefix_bits)| SeriesConfig {
            labels,
            top,
            remotes: RemotesConfig {
                detail,
                ipv4_prefix_bits,
                ..RemotesConfig::default()
            },
            expire_secs: None,
        },
    )
}
