//! Requests to Vector by gRPC.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Buf as _, BufMut as _, Bytes};
use http::Uri;
use http::uri::PathAndQuery;
use prost::Message as _;
use tonic::Status;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};

use super::status::failure;
use crate::delivery::options::{Compression, TlsConfig};
use crate::delivery::{Client, Failure, Protocols, Push, client};
use crate::encode::protobuf::message::{HealthCheckResponse, ServingStatus};

pub(super) const PUSH_EVENTS: &str = "/vector.Vector/PushEvents";
pub(super) const HEALTH_CHECK: &str = "/vector.Vector/HealthCheck";

/// Makes requests to any of some Vectors.
#[derive(Clone)]
pub(super) struct GrpcPush {
    client: Client<Body>,
    compression: Compression,
    timeout: Duration,
}

impl GrpcPush {
    pub(super) fn new(
        endpoints: &[Uri],
        tls: Option<&TlsConfig>,
        compression: Compression,
        timeout: Duration,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            client: client(endpoints, tls, Protocols::Http2)?,
            compression,
            timeout,
        })
    }

    /// Whether the one at `endpoint` takes events.
    pub(super) async fn serves(&self, endpoint: &Uri) -> Result<(), String> {
        let asked = self.call(endpoint, HEALTH_CHECK, Bytes::new());
        let answer = tokio::time::timeout(self.timeout, asked)
            .await
            .map_err(|elapsed| elapsed.to_string())?
            .map_err(|failure| failure.message)?;
        let HealthCheckResponse { status } =
            HealthCheckResponse::decode(answer).map_err(|error| error.to_string())?;
        if status == ServingStatus::Serving as i32 {
            Ok(())
        } else {
            Err("it says that it is not serving".to_owned())
        }
    }

    async fn call(
        &self,
        endpoint: &Uri,
        path: &'static str,
        message: Bytes,
    ) -> Result<Bytes, Failure> {
        let mut grpc = Grpc::with_origin(self.client.clone(), endpoint.clone());
        match self.compression {
            Compression::None => {}
            Compression::Gzip => grpc = grpc.send_compressed(CompressionEncoding::Gzip),
        }
        let mut request = tonic::Request::new(message);
        // A server that still has not answered then need not go on.
        request.set_timeout(self.timeout);
        let answer = grpc
            .unary(request, PathAndQuery::from_static(path), Encoded)
            .await
            .map_err(|status| failure(&status))?;
        Ok(answer.into_inner())
    }
}

#[async_trait]
impl Push for GrpcPush {
    async fn push(&self, endpoint: &Uri, body: Bytes) -> Result<(), Failure> {
        self.call(endpoint, PUSH_EVENTS, body).await.map(drop)
    }
}

/// Messages that are encoded already, and once however often they are sent.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Encoded;

impl Codec for Encoded {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(message);
        Ok(())
    }
}

impl Decoder for Encoded {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}
