//! `cargo xtask examples`: the configurations that come with distribution.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use wharf_config::schema::SCHEMA;

use crate::server::Binary;
use crate::workspace::Workspace;
use crate::{Outcome, process};

/// The last of version 2, and the version that the project is compared with.
const MODULES: [&str; 2] = [
    "github.com/docker/distribution@v2.8.3+incompatible",
    "github.com/distribution/distribution/v3@v3.1.1",
];

/// Fewer than this would mean that they are somewhere else now.
const LEAST: usize = 12;

const DOWNLOAD_LIMIT: Duration = Duration::from_secs(120);
const START_LIMIT: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(10);

/// Start the server with every example configuration of distribution 2.8.3 and 3.1.1.
///
/// The modules come from Go's proxy, and the files are read where they lie. With each the server has to
/// serve, or to say in one sentence which key it cannot honour. Addresses and paths are those of a
/// folder of the test's. Without Go or a network nothing is started.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    binary: Binary,
}

/// What a server made of a configuration.
enum Verdict {
    Serves,
    /// Which key, and why not.
    Refuses(String),
}

/// Starts a server with each.
pub(crate) fn run(args: &Args) -> Outcome {
    let modules = match download() {
        Ok(modules) => modules,
        Err(error) => {
            println!("no example of distribution is tried, for want of its modules: {error}");
            return Ok(());
        }
    };
    let binary = args.binary.obtain(&Workspace::load()?)?;
    let mut tried = 0;
    for module in modules {
        let mut files = Vec::new();
        collect(&module, &mut files)?;
        files.sort();
        for file in files {
            let name = file.strip_prefix(module.parent().unwrap_or(&module))?.display().to_string();
            match try_out(&binary, &file).map_err(|error| format!("{name}: {error}"))? {
                Verdict::Serves => println!("{name}: serves"),
                Verdict::Refuses(why) => println!("{name}: {why}"),
            }
            tried += 1;
        }
    }
    match tried {
        LEAST.. => Ok(()),
        _ => Err(format!("{tried} examples, expected at least {LEAST}").into()),
    }
}

/// The folders of the modules.
fn download() -> Outcome<Vec<PathBuf>> {
    if process::find("go").is_none() {
        return Err("Go is not installed".into());
    }
    let folder = tempfile::tempdir()?;
    let mut go = Command::new("go");
    go.current_dir(&folder).args(["mod", "download", "-json"]).args(MODULES);
    let text = process::output(&mut go, DOWNLOAD_LIMIT)?;
    let modules = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
    let folder = |module: serde_json::Value| module["Dir"].as_str().map(PathBuf::from);
    modules.map(|module| folder(module?).ok_or_else(|| "no folder of a module".into())).collect()
}

/// All files below a folder that are configurations.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yml" || extension == "yaml")
            && std::fs::read_to_string(&path)?.lines().any(|line| line == "version: 0.1")
        {
            files.push(path);
        }
    }
    Ok(())
}

fn try_out(binary: &Path, file: &Path) -> Outcome<Verdict> {
    let folder = tempfile::tempdir()?;
    let log = folder.path().join("log");
    let mut command = Command::new(binary);
    command
        .arg("serve")
        .arg(file)
        .envs(surroundings(&std::fs::read_to_string(file)?, folder.path())?);
    let mut server = process::Background::start(&mut command, File::create(&log)?, GRACE)?;
    let start = std::time::Instant::now();
    loop {
        let ended = server.check().is_err();
        let said = std::fs::read_to_string(&log)?;
        if said.contains("listening on ") {
            return Ok(Verdict::Serves);
        }
        if ended {
            return refusal(&said, file);
        }
        if start.elapsed() > START_LIMIT {
            return Err(format!("neither serves nor ends:\n{}", process::tail(&said)).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Variables for what a file expects of the machine that it was written for.
fn surroundings(text: &str, folder: &Path) -> Outcome<Vec<(&'static str, String)>> {
    let path = |name: &str| folder.join(name).display().to_string();
    let mut variables = vec![("REGISTRY_HTTP_ADDR", "127.0.0.1:0".to_owned())];
    let mut expects = |key: &str, variable, value: String| {
        if text.contains(key) {
            variables.push((variable, value));
        }
    };
    let certified = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(path("certificate"), certified.cert.pem())?;
    std::fs::write(path("key"), certified.signing_key.serialize_pem())?;
    std::fs::write(path("users"), "")?;
    expects("filesystem:", "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", path("data"));
    expects("debug:\n", "REGISTRY_HTTP_DEBUG_ADDR", "127.0.0.1:0".to_owned());
    expects("htpasswd:", "REGISTRY_AUTH_HTPASSWD_PATH", path("users"));
    expects("rootcertbundle:", "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE", path("certificate"));
    expects("certificate:", "REGISTRY_HTTP_TLS_CERTIFICATE", path("certificate"));
    expects("key: \"/", "REGISTRY_HTTP_TLS_KEY", path("key"));
    Ok(variables)
}

/// The one sentence, which has to name a key.
fn refusal(said: &str, file: &Path) -> Outcome<Verdict> {
    let mut sentences = said.lines().filter_map(|line| line.strip_prefix("wharf: "));
    let (Some(sentence), None) = (sentences.next(), sentences.next()) else {
        return Err(format!("ends without one sentence:\n{}", process::tail(said)).into());
    };
    // With its file and line, or without where the store has answered.
    let sentence = match sentence.strip_prefix(&format!("{}:", file.display())) {
        Some(rest) => rest.split_once(": ").map_or(rest, |(_, sentence)| sentence),
        None => sentence,
    };
    let key = sentence.split([':', '.']).next().unwrap_or_default();
    match SCHEMA.iter().any(|known| known.name == key) {
        true => Ok(Verdict::Refuses(sentence.to_owned())),
        false => Err(format!("names no key: {sentence}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_one_sentence_that_names_a_key() {
        let read = |said: &str| match refusal(said, Path::new("/c.yml")) {
            Ok(Verdict::Refuses(why)) => Some(why),
            _ => None,
        };
        let proxy = Some("proxy: not yet".to_owned());
        assert_eq!(read("a warning\nwharf: /c.yml:5: proxy: not yet\n"), proxy);
        assert_eq!(read("wharf: storage.s3.bucket: no"), Some("storage.s3.bucket: no".to_owned()));
        for said in ["", "wharf: no", "panicked", "wharf: proxy: a\nwharf: proxy: b"] {
            assert_eq!(read(said), None, "{said}");
        }
    }
}
