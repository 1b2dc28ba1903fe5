//! A Vector that is made up, on the same messages.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::request::Parts;
use hyper::body::Incoming;
use hyper::service::service_fn;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tonic::body::Body;
use tonic::codec::CompressionEncoding;
use tonic::server::{Grpc, UnaryService};
use tonic::{Code, Request, Response, Status};

use super::push::{Encoded, HEALTH_CHECK, PUSH_EVENTS};
use crate::delivery::testing::{Script, Server, serve};
use crate::encode::protobuf::message::{
    Event, HealthCheckResponse, MetricValue, PushEventsRequest, ValueKind,
};

/// What it does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Take,
    Say(Code),
    /// Takes it, and never says so.
    TakeInSilence,
    /// As Vector does with a message that it does not expect.
    Panic,
}

/// A Vector and what it was sent.
pub(crate) struct FakeVector {
    pub(crate) server: Server,
    pub(crate) script: Arc<Script<Answer>>,
    taken: Arc<Mutex<Vec<Event>>>,
}

impl FakeVector {
    pub(crate) fn start(
        listener: TcpListener,
        tls: Option<TlsAcceptor>,
        answers: impl IntoIterator<Item = Answer>,
        last: Answer,
    ) -> Self {
        let script = Script::new(answers, last);
        let taken = Arc::new(Mutex::default());
        let handler = Handler {
            script: Arc::clone(&script),
            taken: Arc::clone(&taken),
            head: None,
        };
        let service = service_fn(move |request| answer(handler.clone(), request));
        Self {
            server: serve(listener, tls, service),
            script,
            taken,
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.server.port)
    }

    pub(crate) fn taken(&self) -> Vec<Event> {
        self.taken.lock().unwrap().clone()
    }

    /// Sent and received bytes of all that it took.
    pub(crate) fn moved(&self) -> (u64, u64) {
        self.taken().iter().fold((0, 0), |(sent, received), event| {
            let (more_sent, more_received) = moved(event);
            (sent + more_sent, received + more_received)
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts of a test, far below 2^53"
)]
fn moved(event: &Event) -> (u64, u64) {
    match event {
        Event::Metric(metric) => {
            let Some(MetricValue::Counter(counter)) = metric.value else {
                panic!("a metric without a value: {metric:?}")
            };
            let bytes = counter.value as u64;
            if metric.name.contains("transmit") {
                (bytes, 0)
            } else {
                (0, bytes)
            }
        }
        Event::Log(log) => {
            let Some(ValueKind::Map(map)) = log.value.as_ref().and_then(|value| value.kind.clone())
            else {
                panic!("a log without fields: {log:?}")
            };
            let of = |name: &str| match map.fields[name].kind {
                Some(ValueKind::Integer(bytes)) => bytes as u64,
                ref other => panic!("{other:?}"),
            };
            (of("sent_bytes"), of("received_bytes"))
        }
    }
}

#[derive(Clone)]
struct Handler {
    script: Arc<Script<Answer>>,
    taken: Arc<Mutex<Vec<Event>>>,
    head: Option<Parts>,
}

async fn answer(
    mut handler: Handler,
    request: http::Request<Incoming>,
) -> Result<http::Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    handler.head = Some(head.clone());
    let path = head.uri.path().to_owned();
    let request = http::Request::from_parts(head, body);
    let mut grpc = Grpc::new(Encoded).accept_compressed(CompressionEncoding::Gzip);
    Ok(match &*path {
        PUSH_EVENTS => grpc.unary(handler, request).await,
        HEALTH_CHECK => grpc.unary(Health(handler.script), request).await,
        _ => Status::unimplemented("no such call").into_http(),
    })
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Bytes>, Status>> + Send>>;

impl UnaryService<Bytes> for Handler {
    type Response = Bytes;
    type Future = Answering;

    fn call(&mut self, request: Request<Bytes>) -> Answering {
        let Self {
            script,
            taken,
            head,
        } = self.clone();
        Box::pin(async move {
            let message = request.into_inner();
            let answer = script.next(head.unwrap(), message.clone());
            let take = || {
                let request = PushEventsRequest::decode(message).unwrap();
                let events = request.events.into_iter();
                let events = events.map(|event| event.event.expect("Vector panics without one"));
                taken.lock().unwrap().extend(events);
            };
            match answer {
                Answer::Take => {
                    take();
                    Ok(Response::new(Bytes::new()))
                }
                Answer::Say(code) => Err(Status::new(code, "as the test says")),
                Answer::TakeInSilence => {
                    take();
                    std::future::pending().await
                }
                Answer::Panic => panic!("as the test says"),
            }
        })
    }
}

/// Serves unless the script says otherwise.
struct Health(Arc<Script<Answer>>);

impl UnaryService<Bytes> for Health {
    type Response = Bytes;
    type Future = Answering;

    fn call(&mut self, _request: Request<Bytes>) -> Answering {
        let status = i32::from(self.0.last() != Answer::Take);
        let answer = HealthCheckResponse { status }.encode_to_vec();
        Box::pin(async move { Ok(Response::new(answer.into())) })
    }
}
