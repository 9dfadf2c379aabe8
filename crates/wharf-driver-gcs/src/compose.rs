//! One object of several, inside of the store.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use http::{
    Method, Request,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use object_store::{
    Error, ObjectStoreExt, Result,
    client::{HttpRequest, HttpRequestBody},
    path::Path,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use wharf_driver_object::{Assemble, Piece};

use crate::build::Bucket;

/// Composes objects, of objects that were composed if there are too many.
#[derive(Debug)]
pub(crate) struct Composer(pub(crate) Arc<Bucket>);

/// The most objects that one request composes.
const MOST: usize = 32;

/// How many requests are under way at a time.
const CONCURRENCY: usize = 8;

// === impl Composer ===

impl Composer {
    /// Joins groups of `sources` until one request does, and returns what is left of them. What was
    /// made on the way is added to `made`.
    async fn reduce(&self, mut sources: Vec<Path>, made: &mut Vec<Path>) -> Result<Vec<Path>> {
        let mut round = 0;
        while sources.len() > MOST {
            let groups: Vec<_> = sources.chunks(MOST).map(|group| joined(group, round)).collect();
            made.extend(groups.iter().map(|(target, _)| target.clone()));
            let joins = groups.iter().map(|(target, group)| self.compose(group, target).boxed());
            let joins = stream::iter(joins.collect::<Vec<_>>()).buffered(CONCURRENCY);
            joins.try_for_each(|()| async { Ok(()) }).await?;
            sources = groups.into_iter().map(|(target, _)| target).collect();
            round += 1;
        }
        Ok(sources)
    }

    async fn compose(&self, sources: &[Path], target: &Path) -> Result<()> {
        let make = || self.request(sources, target).boxed();
        self.0.requests.send(target, &make).await.map(drop)
    }

    async fn request(&self, sources: &[Path], target: &Path) -> Result<HttpRequest> {
        let (base, bucket) = (&self.0.base, &self.0.name);
        let name = utf8_percent_encode(target.as_ref(), NON_ALPHANUMERIC);
        let url = format!("{base}/storage/v1/b/{bucket}/o/{name}/compose");
        let mut request = Request::builder().method(Method::POST).uri(url);
        request = request.header(CONTENT_TYPE, "application/json");
        if self.0.signed {
            let credential = self.0.store.credentials().get_credential().await?;
            let bearer = format!("Bearer {}", credential.bearer);
            let mut bearer = HeaderValue::try_from(bearer).map_err(unexpected)?;
            bearer.set_sensitive(true);
            request = request.header(AUTHORIZATION, bearer);
        }
        let body = HttpRequestBody::from(body(sources).to_string());
        request.body(body).map_err(unexpected)
    }
}

#[async_trait]
impl Assemble for Composer {
    async fn assemble(&self, pieces: &[Piece], target: &Path) -> Result<()> {
        if let [piece] = pieces {
            return self.0.store.copy(&piece.location, target).await;
        }
        let sources = pieces.iter().map(|piece| piece.location.clone()).collect();
        let mut made = Vec::new();
        let done = match self.reduce(sources, &mut made).await {
            Ok(sources) => self.compose(&sources, target).await,
            Err(error) => Err(error),
        };
        for path in &made {
            if let Err(error) = self.0.store.delete(path).await {
                tracing::debug!(%path, %error, "a part of a composition stays with its session");
            }
        }
        done
    }
}

/// Where a group is joined: beside its first source, and so removed with it in the end.
fn joined(group: &[Path], round: u32) -> (Path, Vec<Path>) {
    (Path::from(format!("{}-joined{round}", group[0])), group.to_vec())
}

fn body(sources: &[Path]) -> Value {
    let sources: Vec<Value> = sources.iter().map(|path| json!({"name": path.as_ref()})).collect();
    json!({
        "sourceObjects": sources,
        "destination": {"contentType": "application/octet-stream"},
    })
}

fn unexpected(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Generic { store: "GCS", source: error.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_composition_names_its_sources_in_order() {
        let sources = ["a/1", "a/2"].map(Path::from);
        let names = &body(&sources)["sourceObjects"];
        assert_eq!(
            (names[0]["name"].as_str(), names[1]["name"].as_str()),
            (Some("a/1"), Some("a/2"))
        );
        assert_eq!(joined(&sources, 3).0.as_ref(), "a/1-joined3");
    }
}
