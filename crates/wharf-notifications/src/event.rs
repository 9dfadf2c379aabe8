//! What happened, in the words of docker/distribution.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, ser::Serializer as _};
use serde_json::ser::PrettyFormatter;
use uuid::Uuid;
use wharf_core::RequestContext;
use wharf_digest::Digest;
use wharf_manifest::Descriptor;
use wharf_reference::{RepositoryName, Tag};

/// Something that happened in a registry. This is also how it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Unique to this event; the same however often it is delivered.
    pub id: String,
    /// When it happened (RFC 3339).
    pub timestamp: String,
    /// What happened.
    pub action: Action,
    /// To what.
    pub target: Target,
    /// In which request.
    pub request: Request,
    /// By whom.
    pub actor: Actor,
    /// In which process.
    pub source: Source,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// A manifest or blob was read.
    Pull,
    /// A manifest or blob was stored.
    Push,
    /// A blob was linked from another repository.
    Mount,
    /// A manifest, tag, blob or repository was removed.
    Delete,
}

/// What an event is about.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Target {
    /// Unknown for what is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Unknown for a tag that is deleted, and for a repository.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Unknown for what is deleted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The size again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// In which repository.
    pub repository: String,
    /// Where a blob was mounted from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_repository: Option<String>,
    /// Where it can be had.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The tag of a manifest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// What a manifest refers to, if that is wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Descriptor>,
}

/// The request in which something happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// As it stands in the log.
    pub id: String,
    /// Where the client is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub addr: String,
    /// Which host it asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// How it asked.
    pub method: String,
    /// What it calls itself.
    pub useragent: String,
}

/// Who has made something happen.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Actor {
    /// Empty for somebody unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
}

/// The process in which something happened.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Source {
    /// Host and port.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub addr: String,
    /// Another one after each start.
    #[serde(rename = "instanceID", skip_serializing_if = "String::is_empty")]
    pub instance_id: String,
}

/// The versions of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Schema {
    /// Of distribution 2.
    V1,
    /// Of distribution 3.
    #[default]
    V2,
}

// === impl Action ===

impl Action {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Pull, Self::Push, Self::Mount, Self::Delete];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Mount => "mount",
            Self::Delete => "delete",
        }
    }
}

// === impl Event ===

impl Event {
    /// Something that happens now.
    pub(crate) fn new(
        action: Action,
        target: Target,
        context: &RequestContext,
        source: &Source,
    ) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            timestamp: Timestamp::now().to_string(),
            action,
            target,
            request: Request::of(context),
            actor: Actor {
                name: context
                    .subject
                    .as_ref()
                    .map(|it| it.0.as_ref().to_owned())
                    .unwrap_or_default(),
            },
            source: source.clone(),
        }
    }

    /// The body of a request that tells of it: an envelope of one event.
    pub fn envelope(&self, schema: Schema) -> Vec<u8> {
        #[derive(Serialize)]
        struct Envelope<'a> {
            events: [&'a Event; 1],
        }

        let mut event = self.clone();
        schema.adapt(&mut event.target);
        let mut body = Vec::new();
        let format = PrettyFormatter::with_indent(b"   ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut body, format);
        let written =
            serializer.serialize_newtype_struct("envelope", &Envelope { events: [&event] });
        written.expect("texts and numbers are JSON, and memory takes them");
        body
    }
}

// === impl Target ===

impl Target {
    /// Something that is there, at a path of the API.
    pub(crate) fn content(
        repository: &RepositoryName,
        descriptor: &Descriptor,
        url: String,
    ) -> Self {
        Self {
            media_type: Some(descriptor.media_type.to_string()),
            size: Some(descriptor.size),
            length: Some(descriptor.size).filter(|length| *length > 0),
            url: Some(url),
            ..Self::removed(repository, &descriptor.digest)
        }
    }

    /// A manifest or blob that is there no more.
    pub(crate) fn removed(repository: &RepositoryName, digest: &Digest) -> Self {
        Self { digest: Some(digest.to_string()), ..Self::repository(repository) }
    }

    /// A tag that is there no more.
    pub(crate) fn untagged(repository: &RepositoryName, tag: &Tag) -> Self {
        Self { tag: Some(tag.to_string()), ..Self::repository(repository) }
    }

    /// The repository itself.
    pub(crate) fn repository(repository: &RepositoryName) -> Self {
        Self { repository: repository.to_string(), ..Self::default() }
    }
}

// === impl Request ===

impl Request {
    fn of(context: &RequestContext) -> Self {
        let proxied = context.origin.as_ref().and_then(|origin| origin.client);
        let addr = match (proxied, context.remote_address) {
            (Some(client), _) => client.to_string(),
            (None, Some(remote)) => remote.to_string(),
            (None, None) => String::new(),
        };
        Self {
            id: context.request_id.as_ref().to_owned(),
            addr,
            host: context.host.as_ref().to_owned(),
            method: context.method.as_ref().to_owned(),
            useragent: context.user_agent.as_deref().unwrap_or_default().to_owned(),
        }
    }
}

// === impl Schema ===

impl Schema {
    /// The `Content-Type` of an envelope.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::V1 => "application/vnd.docker.distribution.events.v1+json",
            Self::V2 => "application/vnd.docker.distribution.events.v2+json",
        }
    }

    /// The second version always names type, digest and size, unknown ones too. The first one does
    /// not know everything that a descriptor may hold.
    fn adapt(self, target: &mut Target) {
        match self {
            Self::V1 => {
                for reference in &mut target.references {
                    reference.data = None;
                    reference.artifact_type = None;
                }
            }
            Self::V2 => {
                target.media_type.get_or_insert_default();
                target.digest.get_or_insert_default();
                target.size.get_or_insert_default();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use wharf_manifest::MediaType;

    use super::*;

    fn event(action: Action, target: Target) -> Event {
        Event {
            id: "1".into(),
            timestamp: "2006-01-02T15:04:05Z".into(),
            action,
            target,
            request: Request {
                id: "2".into(),
                addr: "192.0.2.1:3".into(),
                host: "registry.example".into(),
                method: "PUT".into(),
                useragent: "test/0.1".into(),
            },
            actor: Actor { name: "alice".into() },
            source: Source { addr: "node:5000".into(), instance_id: "4".into() },
        }
    }

    #[test]
    fn an_envelope_is_what_the_original_sends() {
        let name = RepositoryName::parse("library/test").unwrap();
        let descriptor = Descriptor::new(MediaType::docker_manifest(), Digest::sha256(b"x"), 1);
        let url = "http://registry.example/v2/library/test/manifests/latest".to_owned();
        let target =
            Target { tag: Some("latest".into()), ..Target::content(&name, &descriptor, url) };
        let event = event(Action::Push, target);
        let expected = r#"{
   "events": [
      {
         "id": "1",
         "timestamp": "2006-01-02T15:04:05Z",
         "action": "push",
         "target": {
            "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "digest": "sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
            "size": 1,
            "length": 1,
            "repository": "library/test",
            "url": "http://registry.example/v2/library/test/manifests/latest",
            "tag": "latest"
         },
         "request": {
            "id": "2",
            "addr": "192.0.2.1:3",
            "host": "registry.example",
            "method": "PUT",
            "useragent": "test/0.1"
         },
         "actor": {
            "name": "alice"
         },
         "source": {
            "addr": "node:5000",
            "instanceID": "4"
         }
      }
   ]
}"#;
        for schema in [Schema::V1, Schema::V2] {
            assert_eq!(String::from_utf8(event.envelope(schema)).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_unknown_is_empty_in_one_version_and_missing_in_the_other() {
        let name = RepositoryName::parse("a").unwrap();
        let tag = Tag::parse("latest").unwrap();
        let event = event(Action::Delete, Target::untagged(&name, &tag));
        let target = |schema| {
            let envelope: serde_json::Value =
                serde_json::from_slice(&event.envelope(schema)).unwrap();
            envelope["events"][0]["target"].clone()
        };
        assert_eq!(target(Schema::V1), serde_json::json!({"repository": "a", "tag": "latest"}));
        assert_eq!(
            target(Schema::V2),
            serde_json::json!({
                "mediaType": "", "digest": "", "size": 0, "repository": "a", "tag": "latest"
            })
        );
    }

    #[test]
    fn it_is_kept_as_it_is() {
        let name = RepositoryName::parse("a").unwrap();
        let descriptor = Descriptor::new(MediaType::octet_stream(), Digest::sha256(b""), 0);
        let mut target = Target::content(&name, &descriptor, "/v2/a/blobs/x".into());
        target.references = vec![descriptor];
        let event = event(Action::Mount, target);
        let kept = serde_json::to_vec(&event).unwrap();
        assert_eq!(serde_json::from_slice::<Event>(&kept).unwrap(), event);
    }
}
