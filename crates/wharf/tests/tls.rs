//! The program over TLS, as real clients meet it. Clients that are not installed are passed over.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use tempfile::TempDir;
use wharf_testkit::process::Server;

/// A server with a certificate for its address, signed by itself.
struct Site {
    folder: TempDir,
    server: Server,
}

#[test]
fn curl_speaks_both_protocols() {
    let site = Site::start();
    for (option, expected) in [("--http1.1", "1.1 200"), ("--http2", "2 200")] {
        let Some(output) = site.curl(&[option, "-w", "%{http_version} %{http_code}"]) else {
            return eprintln!("curl is not installed");
        };
        assert_eq!(text(&output.stdout), format!("{{}}{expected}"), "{}", text(&output.stderr));
    }
    let old = site.curl(&["--tls-max", "1.1"]).expect("it is installed");
    assert!(!old.status.success());
}

#[test]
fn skopeo_pushes_and_pulls() {
    let site = Site::start();
    let (image, back) = (site.path("image"), site.path("back"));
    write_image(&image);
    let remote = format!("docker://{}/over/tls:latest", site.server.address());
    let certificates = site.folder.path().display().to_string();
    let local = |path: &Path| format!("oci:{}:latest", path.display());
    for [option, from, to] in
        [["--dest-cert-dir", &local(&image), &remote], ["--src-cert-dir", &remote, &local(&back)]]
    {
        let mut command = Command::new("skopeo");
        command.args(["--insecure-policy", "copy", option, &certificates, from, to]);
        let Ok(output) = command.output() else { return eprintln!("skopeo is not installed") };
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
    assert!(back.join("blobs/sha256").is_dir());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The smallest image, as a folder in the OCI layout.
fn write_image(folder: &Path) {
    let blobs = folder.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("a folder");
    let store = |media_type: &str, content: &str| {
        let digest = wharf_digest::Digest::sha256(content.as_bytes());
        fs::write(blobs.join(digest.encoded()), content).expect("written");
        let size = content.len();
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.{media_type}","digest":"{digest}","size":{size}"#
        )
    };
    let config =
        r#"{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}"#;
    let config = store("config.v1+json", config);
    let kind = r#""mediaType":"application/vnd.oci.image.manifest.v1+json""#;
    let manifest = format!(r#"{{"schemaVersion":2,{kind},"config":{config}}},"layers":[]}}"#);
    let manifest = store("manifest.v1+json", &manifest);
    let name = r#""annotations":{"org.opencontainers.image.ref.name":"latest"}"#;
    let index = format!(r#"{{"schemaVersion":2,"manifests":[{manifest},{name}}}]}}"#);
    fs::write(folder.join("index.json"), index).expect("written");
    fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("written");
}

// === impl Site ===

impl Site {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let signed = rcgen::generate_simple_self_signed(names).expect("signed");
        let (certificate, key) = (signed.cert.pem(), signed.signing_key.serialize_pem());
        fs::write(folder.path().join("ca.crt"), &certificate).expect("written");
        fs::write(folder.path().join("server.pem"), certificate + &key).expect("written");
        let text = "version: 0.1
storage: {filesystem: {rootdirectory: FOLDER/data}}
http:
  addr: 127.0.0.1:0
  tls: {certificate: FOLDER/server.pem, key: FOLDER/server.pem}
";
        let config = folder.path().join("config.yml");
        let text = text.replace("FOLDER", &folder.path().display().to_string());
        fs::write(&config, text).expect("written");
        let server = Server::start(Path::new(env!("CARGO_BIN_EXE_wharf")), &config);
        Self { folder, server: server.expect("it starts") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks for the base of the API; `None` if there is no curl.
    fn curl(&self, options: &[&str]) -> Option<Output> {
        let mut command = Command::new("curl");
        command.args(["-sS", "--max-time", "60", "--cacert"]).arg(self.path("ca.crt"));
        command.args(options).arg(format!("https://{}/v2/", self.server.address()));
        command.output().ok()
    }
}
