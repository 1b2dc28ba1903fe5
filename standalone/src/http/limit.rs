//! How many requests an address may send: a bucket for each, that is filled at a steady rate.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use warp::filters::BoxedFilter;
use warp::{Filter as _, reject};

use super::api::Api;
use super::counts::count;
use super::error::ApiError;

/// Buckets beyond which those that are full again are forgotten.
const MANY_BUCKETS: usize = 10_000;

/// How many requests are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimit {
    /// Requests a second from one address, in the long run.
    pub per_second: NonZeroU32,
    /// Requests that it may send at once.
    pub burst: NonZeroU32,
}

/// Who sends a request over the network; a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer(pub(super) IpAddr);

/// The buckets.
pub(super) struct Limiter {
    buckets: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, DefaultClock>,
    clock: DefaultClock,
    per_second: NonZeroU32,
}

impl Limiter {
    pub(super) fn new(RequestLimit { per_second, burst }: RequestLimit) -> Self {
        let clock = DefaultClock::default();
        Self {
            buckets: RateLimiter::hashmap_with_clock(
                Quota::per_second(per_second).allow_burst(burst),
                clock.clone(),
            ),
            clock,
            per_second,
        }
    }

    /// Takes one request out of the bucket of an address.
    fn take(&self, Peer(address): Peer) -> Result<(), ApiError> {
        if self.buckets.len() > MANY_BUCKETS {
            self.buckets.retain_recent();
        }
        self.buckets
            .check_key(&network(address))
            .map_err(|not_until| {
                let wait = not_until.wait_time_from(self.clock.now());
                ApiError::TooMany {
                    per_second: self.per_second.get(),
                    retry_after_secs: wait.as_secs() + 1,
                }
            })
    }
}

/// Whoever has an IPv6 address has 2^64 of them.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(prefix))
        }
        IpAddr::V6(loopback) => IpAddr::V6(loopback),
        IpAddr::V4(address) => IpAddr::V4(address),
    }
}

/// Lets pass what is not too much. Whoever may open the Unix socket is not limited.
pub(super) fn limit_guard(api: Arc<Api>) -> BoxedFilter<()> {
    warp::ext::optional::<Peer>()
        .and_then(move |peer: Option<Peer>| {
            count(&api.counts.requests);
            let verdict = match (peer, &api.limiter) {
                (Some(peer), Some(limiter)) => limiter.take(peer),
                (None, _) | (_, None) => Ok(()),
            };
            if verdict.is_err() {
                count(&api.counts.limited_requests);
            }
            async move { verdict.map_err(reject::custom) }
        })
        .untuple_one()
        .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_own_bucket_and_a_network_of_ipv6_shares_one() {
        let limiter = Limiter::new(RequestLimit {
            per_second: NonZeroU32::MIN,
            burst: NonZeroU32::new(2).unwrap(),
        });
        let take = |text: &str| limiter.take(Peer(text.parse().unwrap())).is_ok();
        assert!(take("192.0.2.1") && take("192.0.2.1") && !take("192.0.2.1"));
        assert!(take("192.0.2.2") && take("::ffff:192.0.2.2") && !take("192.0.2.2"));
        assert!(take("2001:db8::1") && take("2001:db8::2") && !take("2001:db8::3"));
        assert!(take("2001:db8:0:1::1"));
    }
}
