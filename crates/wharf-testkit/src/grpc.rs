//! A small server of gRPC over HTTP/2, for tests of who calls one: each call is answered with a status and
//! an empty message.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::{body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, runtime};

/// A server that lives as long as the process does.
pub struct Double {
    address: SocketAddr,
    calls: mpsc::Receiver<Call>,
}

/// A call, as it came.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method that was called.
    pub path: String,
    /// What came with it.
    pub headers: HeaderMap,
    /// The message, with the five bytes that gRPC puts in front of it.
    pub body: Bytes,
}

struct Desk {
    codes: Mutex<VecDeque<u16>>,
    called: mpsc::Sender<Call>,
}

/// An empty message that is not compressed.
const EMPTY: &[u8] = &[0, 0, 0, 0, 0];

const STATUS: HeaderName = HeaderName::from_static("grpc-status");

// === impl Double ===

impl Double {
    /// Answers the calls with these codes, one after the other, and then with 0, on a free port of the
    /// loopback interface.
    pub fn start(codes: &[u16]) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (called, calls) = mpsc::channel();
        let desk = Desk { codes: Mutex::new(codes.iter().copied().collect()), called };
        thread::spawn(move || runtime.block_on(serve(listener, Arc::new(desk))));
        Ok(Self { address, calls })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The calls, in their order.
    pub fn calls(&self) -> &mpsc::Receiver<Call> {
        &self.calls
    }
}

async fn serve(listener: std::net::TcpListener, desk: Arc<Desk>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let desk = Arc::clone(&desk);
        let service = service_fn(move |request| {
            let desk = Arc::clone(&desk);
            async move { desk.answer(request).await }
        });
        let server = http2::Builder::new(TokioExecutor::new());
        tokio::spawn(server.serve_connection(TokioIo::new(stream), service));
    }
}

// === impl Desk ===

impl Desk {
    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> hyper::Result<Response<BoxBody<Bytes, Infallible>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let call = Call { path: head.uri.path().to_owned(), headers: head.headers, body };
        // A test may have seen enough.
        self.called.send(call).ok();
        let code = self.codes.lock().expect("nobody has panicked").pop_front().unwrap_or_default();
        Ok(answered(code))
    }
}

/// As servers of gRPC do it: a failure has no body, and its status stands in the headers.
fn answered(code: u16) -> Response<BoxBody<Bytes, Infallible>> {
    let status = HeaderMap::from_iter([(STATUS, HeaderValue::from(code))]);
    let (headers, body) = match code {
        0 => {
            let trailers = async move { Some(Ok(status)) };
            (HeaderMap::new(), Full::from(EMPTY).with_trailers(trailers).boxed())
        }
        _ => (status, Full::default().boxed()),
    };
    let mut response = Response::new(body);
    *response.headers_mut() = headers;
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}
