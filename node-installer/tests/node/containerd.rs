//! containerd on its socket, as far as it is asked (k8s.io/cri-api, `runtime.v1`).

use std::{
    collections::HashMap,
    convert::Infallible,
    path::Path,
    sync::{Arc, Mutex},
};

use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    Request, Response,
    body::{Body, Bytes, Frame, Incoming},
    header::{HeaderMap, HeaderValue},
    server::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tokio::net::UnixListener;

use crate::world::State;

pub(crate) fn serve(socket: &Path, state: Arc<Mutex<State>>) {
    let listener = UnixListener::bind(socket).unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // One that does not run does not answer.
            if state.lock().unwrap().active != "active" {
                continue;
            }
            let state = Arc::clone(&state);
            let service = service_fn(move |request| answer(request, Arc::clone(&state)));
            let connection =
                http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service);
            tokio::spawn(connection);
        }
    });
}

async fn answer(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, Infallible> {
    let path = request.uri().path().to_owned();
    let _ = request.into_body().collect().await;
    let state = state.lock().unwrap();
    let message = match path.as_str() {
        "/runtime.v1.RuntimeService/Status" => {
            let names = state.loaded.iter().map(|name| Handler { name: name.clone() });
            Status { runtime_handlers: names.collect() }.encode_to_vec()
        }
        "/runtime.v1.RuntimeService/ListPodSandbox" => {
            let pods = state.pods.iter().map(|(name, application, runtime)| Sandbox {
                metadata: Some(Metadata { name: name.clone(), namespace: "default".to_owned() }),
                labels: HashMap::from([("app.kubernetes.io/name".to_owned(), application.clone())]),
                runtime_handler: runtime.clone(),
            });
            Sandboxes { items: pods.collect() }.encode_to_vec()
        }
        other => panic!("{other} is not what an installer asks for"),
    };
    let mut bytes = vec![0];
    bytes.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend(message);
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let frames = [Ok(Frame::data(Bytes::from(bytes))), Ok(Frame::trailers(trailers))];
    let body = StreamBody::new(tokio_stream::iter(frames));
    Ok(Response::builder().header("content-type", "application/grpc").body(body).unwrap())
}

#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    runtime_handlers: Vec<Handler>,
}

#[derive(Clone, PartialEq, Message)]
struct Handler {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Sandboxes {
    #[prost(message, repeated, tag = "1")]
    items: Vec<Sandbox>,
}

#[derive(Clone, PartialEq, Message)]
struct Sandbox {
    #[prost(message, optional, tag = "2")]
    metadata: Option<Metadata>,
    #[prost(map = "string, string", tag = "5")]
    labels: HashMap<String, String>,
    #[prost(string, tag = "7")]
    runtime_handler: String,
}

#[derive(Clone, PartialEq, Message)]
struct Metadata {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "3")]
    namespace: String,
}
