//! containerd by its own client ctr, with a daemon of its own.

use std::cell::RefCell;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Client, LIMIT, Pulled, Station, pack};
use crate::e2e::{fixtures::Fixture, layout::Layout, layout::TAG};
use crate::process::Background;
use crate::{Outcome, process};

const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

struct Containerd {
    station: Station,
    socket: PathBuf,
    /// `USER:PASSWORD`, which it is told with every command.
    login: RefCell<Option<String>>,
    /// Where the `hosts.toml` of hosts are, once it goes over TLS.
    hosts: RefCell<Option<PathBuf>>,
    /// Ends with the client.
    _daemon: Background,
}

pub(super) fn start(station: &Station) -> Outcome<Box<dyn Client>> {
    let socket = station.home.join("containerd.sock");
    let config = station.home.join("containerd.toml");
    fs::write(&config, toml(&station.home, &socket))?;
    let mut daemon = station.command("containerd");
    daemon.arg("--config").arg(&config);
    let log = station.home.join("containerd.log");
    let daemon = Background::start(&mut daemon, File::create(&log)?, STOP_LIMIT)?;
    let containerd = Containerd {
        station: station.clone(),
        socket,
        login: RefCell::default(),
        hosts: RefCell::default(),
        _daemon: daemon,
    };
    containerd.wait().map_err(|error| {
        format!("{error}\n{}", process::tail(&fs::read_to_string(&log).unwrap_or_default()))
    })?;
    Ok(Box::new(containerd))
}

/// Everything in one folder; no kubernetes, and layers are unpacked into plain folders.
fn toml(home: &Path, socket: &Path) -> String {
    let (home, socket) = (home.display(), socket.display());
    format!(
        "version = 2\nroot = \"{home}/root\"\nstate = \"{home}/state\"\n\
         disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n[grpc]\naddress = \"{socket}\"\n\
         [plugins.\"io.containerd.internal.v1.opt\"]\npath = \"{home}/opt\"\n"
    )
}

/// Whom to trust at a host, and what to show there.
fn hosts_toml(host: &str, folder: &Path) -> String {
    let (url, certificates) = (format!("https://{host}"), folder.display());
    let mut toml = format!(
        "server = \"{url}\"\n[host.\"{url}\"]\ncapabilities = [\"pull\", \"resolve\", \"push\"]\n\
         ca = \"{certificates}/ca.crt\"\n"
    );
    if folder.join("client.cert").exists() {
        let pair = format!("[[\"{certificates}/client.cert\", \"{certificates}/client.key\"]]");
        toml += &format!("client = {pair}\n");
    }
    toml
}

// === impl Containerd ===

impl Containerd {
    fn command(&self) -> Command {
        let mut ctr = self.station.command("ctr");
        ctr.arg("--address").arg(&self.socket).args(["--namespace", "e2e"]);
        ctr
    }

    fn run(&self, words: &[&str]) -> Outcome<String> {
        process::output(self.command().args(words), LIMIT)
    }

    /// A transfer with an image, by the user who has logged in.
    fn transfer(&self, words: &[&str], image: &str) -> Outcome {
        let mut ctr = self.command();
        ctr.args(["images"]).args(words);
        match &*self.hosts.borrow() {
            None => ctr.arg("--plain-http"),
            Some(folder) => ctr.arg("--hosts-dir").arg(folder),
        };
        if let Some(login) = &*self.login.borrow() {
            ctr.args(["--user", login]);
        }
        process::output(ctr.arg(image), LIMIT).map(drop)
    }

    fn wait(&self) -> Outcome {
        let answers = || process::output(self.command().arg("version"), START_LIMIT).is_ok();
        process::wait_until("containerd answers", START_LIMIT, answers)
    }

    /// Removes the image, and its content with it.
    fn forget(&self, image: &str) -> Outcome {
        self.run(&["images", "remove", "--sync", image]).map(drop)
    }
}

impl Client for Containerd {
    fn push(&self, _: Fixture, layout: &Layout, image: &str) -> Outcome {
        let archive = self.station.home.join("import.tar");
        pack(layout.folder(), &archive)?;
        let base = image.trim_end_matches(TAG).trim_end_matches(':');
        let file = archive.to_string_lossy();
        self.run(&[
            "images",
            "import",
            "--all-platforms",
            "--no-unpack",
            "--base-name",
            base,
            &file,
        ])?;
        fs::remove_file(&archive)?;
        self.transfer(&["push"], image)?;
        self.forget(image)
    }

    fn pull(&self, _: Fixture, image: &str, to: &Path) -> Outcome<Pulled> {
        self.transfer(&["pull", "--all-platforms", "--snapshotter=native"], image)?;
        let archive = to.join("export.tar");
        let file = archive.to_string_lossy();
        self.run(&["images", "export", "--all-platforms", &file, image])?;
        self.forget(image)?;
        let mut tar = Command::new("tar");
        process::output(tar.arg("-xf").arg(&archive).arg("-C").arg(to), LIMIT)?;
        fs::remove_file(archive)?;
        Ok(Pulled::Layout(to.into()))
    }

    fn log_in(&self, _: &str, user: &str, password: &str) -> Outcome {
        *self.login.borrow_mut() = Some(format!("{user}:{password}"));
        Ok(())
    }

    fn show_certificate(&self, host: &str, folder: &Path) -> Outcome<bool> {
        let hosts = self.station.home.join("hosts");
        fs::create_dir_all(hosts.join(host))?;
        fs::write(hosts.join(host).join("hosts.toml"), hosts_toml(host, folder))?;
        *self.hosts.borrow_mut() = Some(hosts);
        Ok(true)
    }

    fn log_out(&self) -> Outcome {
        *self.login.borrow_mut() = None;
        Ok(())
    }
}
