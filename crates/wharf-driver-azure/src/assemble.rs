//! One blob of several, inside of the store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use http::{HeaderName, HeaderValue, Method, Request, header::CONTENT_LENGTH};
use object_store::{
    Error, ObjectStoreExt, Result,
    client::{HttpRequest, HttpRequestBody},
    path::Path,
    signer::Signer,
};
use uuid::Uuid;
use wharf_driver_cloud::Reply;
use wharf_driver_object::{Assemble, Piece, ReadBack};

use crate::build::Container;

/// Copies one piece; makes a list of blocks of several.
#[derive(Debug)]
pub(crate) struct Copier {
    container: Arc<Container>,
    /// For those who cannot fetch a block by themselves, such as emulators.
    read_back: ReadBack,
}

/// How many blocks are fetched at a time.
const CONCURRENCY: usize = 16;

/// How often blocks are fetched again that another one has taken away.
const TRIES: usize = 3;

/// How long a signature is good for; each try has a new one.
const VALID_FOR: Duration = Duration::from_secs(60 * 60);

/// The longest wait between two questions about a copy.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long a copy may take; a store that needs longer is not well.
const COPY_LIMIT: Duration = Duration::from_secs(240);

const VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-ms-version"), HeaderValue::from_static("2023-11-03"));
static SOURCE: HeaderName = HeaderName::from_static("x-ms-copy-source");

/// What a copy has come to.
#[derive(Debug, PartialEq, Eq)]
enum Status {
    Done,
    Pending,
    Failed(String),
}

// === impl Copier ===

impl Copier {
    pub(crate) fn new(container: Arc<Container>) -> Self {
        let read_back = ReadBack::new(Arc::new(container.store.clone()));
        Self { container, read_back }
    }

    /// Copies a blob, and waits until the store says that it has done so.
    async fn copy(&self, source: &Path, target: &Path) -> Result<()> {
        let reply = self.send(Method::PUT, target, "", Some(source), "").await?;
        tokio::time::timeout(COPY_LIMIT, self.wait_for(target, Status::of(&reply)))
            .await
            .unwrap_or_else(|_| Err(unexpected("the copy does not come to its end")))
    }

    async fn wait_for(&self, target: &Path, mut status: Status) -> Result<()> {
        let delay = self.container.copy_poll_delay.max(Duration::from_millis(10));
        let mut polls = 0;
        loop {
            match status {
                Status::Done => return Ok(()),
                Status::Failed(why) => return Err(unexpected(format!("the copy failed: {why}"))),
                Status::Pending => {}
            }
            polls += 1;
            tokio::time::sleep((delay * polls).min(LONGEST_WAIT)).await;
            status = Status::of(&self.send(Method::HEAD, target, "", None, "").await?);
        }
    }

    /// Whoever commits a list of blocks takes away those of everybody else. A blob of this size is what
    /// we wanted then: who makes the same one at the same time has made it. Otherwise it is tried again.
    async fn join(&self, pieces: &[Piece], target: &Path) -> Result<()> {
        let size = pieces.iter().map(|piece| piece.size).sum();
        let mut tries = 1;
        loop {
            match self.try_join(pieces, target).await {
                Err(error) if lost_its_blocks(&error) => {
                    if self.is_there(target, size).await? {
                        return Ok(());
                    }
                    if tries == TRIES {
                        return Err(error);
                    }
                }
                result => return result,
            }
            tries += 1;
        }
    }

    async fn is_there(&self, target: &Path, size: u64) -> Result<bool> {
        match self.container.store.head(target).await {
            Ok(there) => Ok(there.size == size),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn try_join(&self, pieces: &[Piece], target: &Path) -> Result<()> {
        let ids = block_ids(pieces.len());
        let fetches = pieces.iter().zip(&ids).map(|(piece, id)| {
            let query = format!("&comp=block&blockid={id}");
            async move { self.send(Method::PUT, target, &query, Some(&piece.location), "").await }
                .boxed()
        });
        let fetched = stream::iter(fetches.collect::<Vec<_>>()).buffered(CONCURRENCY);
        fetched.try_for_each(|_| async { Ok(()) }).await?;
        let list = block_list(&ids);
        self.send(Method::PUT, target, "&comp=blocklist", None, &list).await.map(drop)
    }

    /// Sends a request about `target`, authorized by its URL, as is the reading of `source`.
    async fn send(
        &self,
        method: Method,
        target: &Path,
        query: &str,
        source: Option<&Path>,
        body: &str,
    ) -> Result<Reply> {
        let store = &self.container.store;
        let make = || {
            let method = method.clone();
            async move {
                let url = store.signed_url(method.clone(), target, VALID_FOR).await?;
                let source = match source {
                    Some(source) => Some(store.signed_url(Method::GET, source, VALID_FOR).await?),
                    None => None,
                };
                request(
                    method,
                    format!("{url}{query}"),
                    source.as_ref().map(|url| url.as_str()),
                    body,
                )
            }
            .boxed()
        };
        self.container.requests.send(target, &make).await
    }
}

#[async_trait]
impl Assemble for Copier {
    async fn assemble(&self, pieces: &[Piece], target: &Path) -> Result<()> {
        if let [piece] = pieces {
            return self.copy(&piece.location, target).await;
        }
        match self.join(pieces, target).await {
            Err(Error::NotSupported { .. }) => self.read_back.assemble(pieces, target).await,
            result => result,
        }
    }
}

fn request(method: Method, url: String, source: Option<&str>, body: &str) -> Result<HttpRequest> {
    let (name, value) = VERSION;
    let mut request = Request::builder().method(method).uri(url).header(name, value);
    request = request.header(CONTENT_LENGTH, body.len());
    if let Some(source) = source {
        // Whoever has it may read the blob.
        let mut value = HeaderValue::try_from(source).map_err(unexpected)?;
        value.set_sensitive(true);
        request = request.header(&SOURCE, value);
    }
    request.body(HttpRequestBody::from(body.to_owned())).map_err(unexpected)
}

fn lost_its_blocks(error: &Error) -> bool {
    error.to_string().contains("InvalidBlockList")
}

/// Names that nobody else has given: two who make the same blob may have cut it in different places.
/// They are Base64, and of one length, as the store wants it.
fn block_ids(count: usize) -> Vec<String> {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let own = Uuid::new_v4().simple();
    let digit = |number: usize, place: usize| char::from(DIGITS[number >> (5 * place) & 31]);
    let name = |number| (0..4).rev().map(|place| digit(number, place)).collect::<String>();
    (0..count).map(|number| format!("{own}{}", name(number))).collect()
}

fn block_list(ids: &[String]) -> String {
    let blocks: String = ids.iter().map(|id| format!("<Latest>{id}</Latest>")).collect();
    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>{blocks}</BlockList>")
}

// === impl Status ===

impl Status {
    fn of(reply: &Reply) -> Self {
        match reply.header("x-ms-copy-status") {
            // A copy so fast that nothing is said of it.
            Some("success") | None => Self::Done,
            Some("pending") => Self::Pending,
            Some(other) => {
                let why = reply.header("x-ms-copy-status-description").unwrap_or_default();
                Self::Failed(format!("{other} {why}").trim_end().to_owned())
            }
        }
    }
}

fn unexpected(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "MicrosoftAzure", source: error.into() }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use wharf_testkit::double::{Double, Request, Response};

    use crate::{Credentials, Options};

    use super::*;

    /// A container in which others take our blocks away so often, and leave a blob of this size.
    struct Contended {
        thefts: usize,
        left: Option<usize>,
        seen: Vec<&'static str>,
    }

    impl Contended {
        fn answer(&mut self, request: &Request) -> Response {
            let (what, status) = match (request.method.as_str(), request.query("comp")) {
                ("HEAD", _) if self.left.is_some() => ("look", 200),
                ("HEAD", _) => ("look", 404),
                (_, Some("block")) => ("block", 201),
                (_, Some("blocklist"))
                    if self.seen.iter().filter(|seen| **seen == "list").count() < self.thefts =>
                {
                    ("list", 400)
                }
                (_, Some("blocklist")) => ("list", 201),
                _ => ("other", 500),
            };
            self.seen.push(what);
            let body = match (status, self.left) {
                (400, _) => b"<Error><Code>InvalidBlockList</Code></Error>".to_vec(),
                (200, Some(size)) => vec![0; size],
                _ => Vec::new(),
            };
            let date = ("Last-Modified".to_owned(), "Fri, 16 Sep 2011 21:20:12 GMT".to_owned());
            let tag = ("ETag".to_owned(), "\"0x1\"".to_owned());
            Response { status, headers: vec![date, tag], body }
        }
    }

    /// Whether two pieces of 10 bytes become a blob, and what was asked besides their blocks.
    async fn join(thefts: usize, left: Option<usize>) -> (bool, Vec<&'static str>) {
        let contended = Arc::new(Mutex::new(Contended { thefts, left, seen: Vec::new() }));
        let answers = Arc::clone(&contended);
        let double =
            Double::start(move |request| answers.lock().expect("no panic").answer(request));
        let double = double.expect("a port");
        let options = Options {
            account: "devstoreaccount1".into(),
            container: "c".into(),
            service_url: format!("http://{}/devstoreaccount1", double.address()),
            credentials: Credentials::SharedKey("aHVzaA==".into()),
            ..Options::default()
        };
        let retry = wharf_driver_cloud::impatient();
        let copier = Copier::new(Container::build(&options, retry).expect("a container"));
        let piece = |name: &str| Piece { location: Path::from(name), size: 10 };
        let joined = copier.assemble(&[piece("one"), piece("two")], &Path::from("blob")).await;
        let mut seen = std::mem::take(&mut contended.lock().expect("no panic").seen);
        seen.retain(|seen| *seen != "block");
        (joined.is_ok(), seen)
    }

    #[tokio::test]
    async fn blocks_that_others_took_away_are_fetched_again_unless_the_blob_is_there() {
        assert_eq!(join(0, None).await, (true, vec!["list"]));
        assert_eq!(join(1, Some(20)).await, (true, vec!["list", "look"]));
        assert_eq!(join(2, None).await, (true, vec!["list", "look", "list", "look", "list"]));
        assert_eq!(join(1, Some(19)).await, (true, vec!["list", "look", "list"]));
        let (made, seen) = join(100, None).await;
        assert!(!made && seen.len() == 2 * TRIES, "{seen:?}");
    }

    fn reply(status: Option<&'static str>) -> Reply {
        let mut headers = http::HeaderMap::new();
        if let Some(status) = status {
            headers.insert("x-ms-copy-status", HeaderValue::from_static(status));
        }
        Reply { status: http::StatusCode::ACCEPTED, headers, body: Default::default() }
    }

    #[test]
    fn a_copy_counts_once_it_has_succeeded() {
        assert_eq!(Status::of(&reply(Some("success"))), Status::Done);
        assert_eq!(Status::of(&reply(None)), Status::Done);
        assert_eq!(Status::of(&reply(Some("pending"))), Status::Pending);
        assert_eq!(Status::of(&reply(Some("aborted"))), Status::Failed("aborted".into()));
    }

    #[test]
    fn blocks_have_names_of_one_length_that_nobody_else_has() {
        let (one, other) = (block_ids(10_000), block_ids(10_000));
        assert!(one.iter().chain(&other).all(|name| name.len() == 36));
        let distinct: std::collections::BTreeSet<_> = one.iter().chain(&other).collect();
        assert_eq!(distinct.len(), 20_000);
        let list = block_list(&["a".to_owned(), "b".to_owned()]);
        assert!(list.contains("<Latest>a</Latest><Latest>b</Latest>"), "{list}");
    }

    #[test]
    fn who_lost_its_blocks_is_known() {
        let lost = unexpected("non-2xx status code: 400 Bad Request: InvalidBlockList");
        assert!(lost_its_blocks(&lost) && !lost_its_blocks(&unexpected("x")));
    }
}
