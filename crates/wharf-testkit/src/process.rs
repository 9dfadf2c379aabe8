//! A registry program under test: started, killed, started again.

use std::{
    collections::VecDeque,
    fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// A running registry, killed with the value.
pub struct Server {
    child: Child,
    address: SocketAddr,
    log: Arc<Log>,
}

/// The last lines that it wrote.
#[derive(Default)]
struct Log(Mutex<VecDeque<String>>);

/// How many those are.
const LOG_LINES: usize = 50;

// === impl Server ===

impl Server {
    /// Starts `program serve CONFIG`, ours or distribution's, with the configuration file at `config`, which should listen on
    /// port 0, and waits until it says `listening on ADDRESS` on stderr. Fails after 30 seconds.
    pub fn start(program: &Path, config: &Path) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg("serve")
            .arg(config)
            // Distribution would look for a collector of traces.
            .env("OTEL_TRACES_EXPORTER", "none")
            // The S3 of docker-registry 2.8 does not start where one is named.
            .env_remove("AWS_CA_BUNDLE")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let stderr = child.stderr.take().expect("stderr is piped");
        let (found, address) = mpsc::channel();
        let log = Arc::new(Log::default());
        let written = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                if let Some(address) = listening(&line) {
                    // The receiver is gone if this was not the first such line.
                    found.send(address).ok();
                }
                written.push(line);
            }
        });
        match address.recv_timeout(Duration::from_secs(30)) {
            Ok(address) => Ok(Self { child, address, log }),
            Err(_) => {
                child.kill()?;
                child.wait()?;
                let said = log.text();
                Err(io::Error::other(format!("the server did not say where it listens:\n{said}")))
            }
        }
    }

    /// The last 50 lines that it wrote to stderr.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, by SIGTERM, and says how it did. Fails if it is still there after a minute.
    pub fn end(mut self) -> io::Result<ExitStatus> {
        Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status()?;
        let asked = Instant::now();
        while asked.elapsed() < Duration::from_secs(60) {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(20));
        }
        Err(io::Error::other("the server does not end"))
    }

    /// Ends it as `kill -9` does, and waits until it is gone.
    pub fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

// === impl Log ===

impl Log {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LOG_LINES {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    fn text(&self) -> String {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.make_contiguous().join("\n")
    }
}

/// Writes a configuration, in the schema of distribution, for a store in `data` below this folder and
/// a free port of the loopback interface. Returns the path of the file.
pub fn write_config(folder: &Path) -> io::Result<PathBuf> {
    let (file, root) = (folder.join("config.yml"), folder.join("data"));
    let storage = format!("storage:\n  filesystem:\n    rootdirectory: {}\n", root.display());
    fs::write(&file, format!("version: 0.1\n{storage}http:\n  addr: 127.0.0.1:0\n"))?;
    Ok(file)
}

/// The address in a line such as `… listening on 127.0.0.1:5000 …`.
fn listening(line: &str) -> Option<SocketAddr> {
    let (_, after) = line.split_once("listening on ")?;
    after.split([' ', ',', ';', '"']).next()?.trim_start_matches("http://").parse().ok()
}
