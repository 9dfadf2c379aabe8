//! A few pages for operators, on an address of their own.

use std::{convert::Infallible, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};

/// Answers with pages.
pub trait Pages: Send + Sync + 'static {
    /// The page at a path, `None` if there is none.
    fn page(&self, path: &str) -> Option<Page>;
}

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The status of the answer.
    pub status: StatusCode,
    /// What the text is.
    pub content_type: &'static str,
    /// The text.
    pub text: String,
}

/// Whoever wants pages is slow or wants many.
const CONNECTIONS: usize = 64;
const HEADER: Duration = Duration::from_secs(10);
/// No exchange of a page, nor a connection without one, takes longer.
const LONGEST: Duration = Duration::from_secs(120);
/// When to try again after the system could not give us a connection.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// Serves pages over plain HTTP/1.1, until it is dropped.
pub async fn serve_pages(listener: TcpListener, pages: Arc<dyn Pages>) {
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let permit = Arc::clone(&permits).acquire_owned().await;
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "no connection for a page");
                tokio::time::sleep(ACCEPT_AGAIN).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let pages = Arc::clone(&pages);
        connections.spawn(async move {
            let _permit = permit;
            let serve = service_fn(move |request| {
                let answer = answer(&*pages, &request);
                async { Ok::<_, Infallible>(answer) }
            });
            let mut http = http1::Builder::new();
            let http = http.timer(TokioTimer::new()).header_read_timeout(HEADER);
            // Whoever reads pages will ask again.
            let _ = timeout(LONGEST, http.serve_connection(TokioIo::new(stream), serve)).await;
        });
    }
}

/// Listens for those who want pages.
pub async fn listen_for_pages(address: (&str, u16)) -> io::Result<TcpListener> {
    match address {
        ("", port) => match TcpListener::bind(("::", port)).await {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {
                TcpListener::bind(("0.0.0.0", port)).await
            }
            result => result,
        },
        address => TcpListener::bind(address).await,
    }
}

fn answer(pages: &dyn Pages, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let page = match *request.method() {
        Method::GET | Method::HEAD => pages.page(request.uri().path()),
        _ => Some(Page::text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n")),
    };
    let page = page.unwrap_or_else(|| Page::text(StatusCode::NOT_FOUND, "404 page not found\n"));
    let mut answer = Response::new(Full::from(page.text));
    *answer.status_mut() = page.status;
    let content_type = HeaderValue::from_static(page.content_type);
    answer.headers_mut().insert(header::CONTENT_TYPE, content_type);
    answer
}

// === impl Page ===

impl Page {
    /// A page for people.
    pub fn text(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, content_type: "text/plain; charset=utf-8", text: text.into() }
    }
}
