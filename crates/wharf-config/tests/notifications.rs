//! `notifications`, as the original reads it, and what is ours.

use std::time::Duration;

use wharf_config::{Configuration, EventAction, EventSchema, Notifications};

fn load(section: &str) -> Result<Notifications, String> {
    let text = format!("version: 0.1\nstorage: inmemory\nnotifications:\n{section}");
    let loaded = Configuration::load(&text, "config.yml", []).map_err(|error| error.to_string())?;
    assert_eq!(loaded.warnings.len(), 0, "{:?}", loaded.warnings);
    Ok(loaded.configuration.notifications)
}

#[test]
fn every_key_is_read() {
    let notifications = load(
        "  events:
    includereferences: true
  endpoints:
    - name: alistener
      disabled: false
      url: https://my.listener.com/event
      headers:
        Authorization: [Bearer x]
        X-Two: [a, b]
      timeout: 500ms
      threshold: 5
      backoff: 2s
      ignoredmediatypes:
        - application/octet-stream
      ignore:
        mediatypes:
          - application/json
        actions:
          - pull
      schema: v1
      secret: hush
      rootcas: [/etc/ca.pem]
    - name: off
      disabled: true
  queue:
    directory: /var/lib/events
    size: 4194304
    whenfull: refuse
",
    )
    .unwrap();
    assert!(notifications.include_references);
    let [endpoint] = notifications.endpoints.as_slice() else { panic!("the other one is off") };
    assert_eq!(endpoint.name, "alistener");
    assert_eq!(endpoint.url, "https://my.listener.com/event");
    assert_eq!(endpoint.headers.len(), 3);
    assert_eq!((endpoint.timeout, endpoint.threshold), (Duration::from_millis(500), 5));
    assert_eq!(endpoint.backoff, Duration::from_secs(2));
    assert_eq!(endpoint.ignored_media_types, ["application/json", "application/octet-stream"]);
    assert_eq!(endpoint.ignored_actions, [EventAction::Pull]);
    assert_eq!(endpoint.schema, EventSchema::V1);
    assert_eq!(endpoint.secret.as_ref().unwrap().reveal(), "hush");
    assert_eq!(endpoint.root_cas.len(), 1);
    let shown = format!("{notifications:?}");
    assert!(!shown.contains("hush") && !shown.contains("Bearer"), "{shown}");
    let queue = notifications.queue;
    assert_eq!(queue.directory.unwrap().to_str(), Some("/var/lib/events"));
    assert_eq!((queue.size.get(), queue.refuse), (4 << 20, true));
}

#[test]
fn the_rest_is_as_the_original_assumes() {
    let notifications =
        load("  endpoints:\n    - url: http://a/\n      timeout: 0\n      threshold: -1\n")
            .unwrap();
    let endpoint = &notifications.endpoints[0];
    assert_eq!(endpoint.name, "");
    assert_eq!(
        (endpoint.timeout, endpoint.backoff),
        (Duration::from_secs(1), Duration::from_secs(1))
    );
    assert_eq!((endpoint.threshold, endpoint.schema), (10, EventSchema::V2));
    assert!(!notifications.include_references && !notifications.queue.refuse);
    assert_eq!(notifications.queue.size.get(), 256 << 20);
    assert_eq!(load("  endpoints: []\n").unwrap(), Notifications::default());
}

#[test]
fn mistakes_are_named_with_their_place() {
    for (section, expected) in [
        ("  endpoints:\n    - name: a\n", "url is missing"),
        ("  endpoints:\n    - url: ftp://a/\n", "expected a URL that begins with http"),
        ("  endpoints:\n    - url: http://a/\n      timeout: 5\n", "expected 1ms or more"),
        (
            "  endpoints:\n    - url: http://a/\n      ignore: {actions: [read]}\n",
            "expected pull, push, mount or delete",
        ),
        ("  endpoints:\n    - url: http://a/\n      schema: v3\n", "expected v1 or v2"),
        ("  queue: {whenfull: wait}\n", "expected drop or refuse"),
        ("  queue: {size: 0}\n", "expected a whole number, 1 or more"),
    ] {
        let error = load(section).unwrap_err();
        assert!(error.contains(expected) && error.contains("config.yml:"), "{error}");
    }
}
