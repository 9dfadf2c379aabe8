//! `cargo xtask bench --observed`: Wharf, and Wharf that tells what it does.
//!
//! The same server three times, in alternating order: as it is; with metrics, an access log and an
//! endpoint that wants no pulls; and with one that wants them. The second one has to be nearly as fast
//! as the first. What the third one costs is shown.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::thread;

use super::figures::Figure;
use super::machine::Machine;
use super::peers::{self, Peer};
use super::report::{Report, Section};
use super::rounds::Bench;
use super::works::{WORKS, Work};
use super::{Args, page, table};
use crate::workspace::Workspace;
use crate::{Outcome, files};

/// What a server tells of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Observed {
    /// Who is told of pushes and deletes.
    endpoint: SocketAddr,
    /// And of pulls.
    pulls: bool,
}

/// What is measured if nothing else is wanted.
const USUAL: [&str; 6] = ["get-tag", "get-digest", "head-tag", "head-digest", "blob-4k", "pull"];

/// Many short rounds: what is looked for is less than what the speed of a machine changes by from one
/// second to the next.
const ROUNDS: (usize, f64) = (20, 0.4);

const OBSERVED: &str = "wharf, observed";
const PULLS: &str = "wharf, pull events";

/// Which part of its rate a server has to keep.
const ENOUGH: f64 = 0.9;

const PAGE: &str = "docs/benchmarks-observed.md";

const COLUMNS: [&str; 4] = ["work", "rate of the observed one", "with pull events", "met"];

/// Measures, prints the tables, and writes the files.
pub(super) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let target = workspace.target("bench")?;
    let program = peers::ours(args.server.as_deref(), &workspace)?;
    let endpoint = listen()?;
    let peers = [
        Peer::ours("wharf", &program, None)?,
        Peer::ours(OBSERVED, &program, Some(Observed { endpoint, pulls: false }))?,
        Peer::ours(PULLS, &program, Some(Observed { endpoint, pulls: true }))?,
    ];
    let folder = args.temporary(&target)?;
    let is_usual = |work: &&Work| match args.works.is_empty() {
        true => USUAL.contains(&work.name.as_str()),
        false => args.works.iter().any(|word| work.is_called(word)),
    };
    let works: Vec<&Work> = WORKS.iter().filter(is_usual).collect();
    let length = args.length(ROUNDS)?;
    let machine = Machine::look(folder.path())?;
    let mut report = Report::new(machine, length.rounds, length.duration.as_secs_f64());
    report.servers = peers.iter().map(Peer::version).collect();
    println!("{}", report.preface());
    let bench = Bench::prepare(folder.path(), length, &works, &peers, None)?;
    for work in works {
        for section in bench.measure(&[work], &peers) {
            let table = section.table(report.machine.hash);
            println!("\n{} ({})\n{table}", section.title, section.name);
            report.works.push(section);
        }
    }
    println!("\n{}", verdicts(&report));
    let json = target.join("observed.json");
    fs::write(&json, serde_json::to_vec_pretty(&report)?)?;
    println!("written: {}", json.display());
    if args.write_docs {
        files::settle(&[page::filled(PAGE, &figures(&report))?], false, "bench --observed")?;
    }
    println!("removing the stores");
    folder.close()?;
    match report.works.iter().find(|section| part(section, OBSERVED).is_none_or(|it| it < ENOUGH)) {
        None => Ok(()),
        Some(section) => Err(format!("{}: to be observed costs too much", section.name).into()),
    }
}

/// What a server keeps of the rate of the one that is not observed.
fn part(section: &Section, server: &str) -> Option<f64> {
    let rate = |server| section.find(server).ok()?.get(Figure::Rate);
    Some(rate(server)? / rate("wharf")?)
}

/// What each work came to.
fn verdicts(report: &Report) -> String {
    let shown = |part: Option<f64>| part.map_or("-".to_owned(), |part| format!("{part:.2} ×"));
    let row = |section: &Section| {
        let observed = part(section, OBSERVED);
        let met = match observed {
            Some(part) if part >= ENOUGH => "yes",
            Some(_) => "**no**",
            None => "not measured",
        };
        let pulls = shown(part(section, PULLS));
        vec![section.name.clone(), shown(observed), pulls, met.to_owned()]
    };
    let rows: Vec<_> = report.works.iter().map(row).collect();
    format!("Target: at least {ENOUGH} × the rate.\n\n{}", table::markdown(&COLUMNS, &rows))
}

fn figures(report: &Report) -> String {
    let section = |section: &Section| {
        let table = section.table(report.machine.hash);
        format!("\n### {} (`{}`)\n\n{table}", section.title, section.name)
    };
    let sections: String = report.works.iter().map(section).collect();
    format!("\n{}\n{}{sections}", report.preface(), verdicts(report))
}

/// A webhook that takes everything; it ends with the program.
fn listen() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || take(&stream));
        }
    });
    Ok(address)
}

/// Takes the requests of a connection until it is closed.
fn take(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or_default();
        }
        if line.trim().is_empty() {
            std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink())?;
            writer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
        }
    }
}

// === impl Observed ===

impl Observed {
    /// The sections of the configuration that it adds; events wait in `folder`.
    pub(crate) fn sections(self, folder: &Path) -> String {
        let ignore = if self.pulls { "" } else { ", ignore: {actions: [pull]}" };
        format!(
            "notifications:\n  queue: {{directory: {:?}}}\n  \
             endpoints: [{{name: bench, url: \"http://{}/\"{ignore}}}]\n",
            folder.join("events"),
            self.endpoint,
        )
    }

    /// What it adds to the section `http`.
    pub(crate) const HTTP: &str =
        ", debug: {addr: \"127.0.0.1:0\", prometheus: {enabled: true, path: /metrics}}";
}

#[cfg(test)]
mod tests {
    use super::super::figures::tests::figures;
    use super::super::report::tests::section;
    use super::super::works::{self, Unit};
    use super::*;

    #[test]
    fn the_usual_works_are_there() {
        assert!(USUAL.iter().all(|work| works::known(work).is_ok()));
    }

    #[test]
    fn an_observed_server_that_is_too_slow_is_told() {
        let mut report = Report::new(Machine::unknown(), 1, 1.0);
        for (name, rate) in [("fast", 95.0), ("slow", 80.0)] {
            let rows = vec![
                ("wharf", Some(figures(100.0, 0.1, 1.0, 5.0))),
                (OBSERVED, Some(figures(rate, 0.1, 1.0, 5.0))),
                (PULLS, None),
            ];
            report.works.push(section(name, Unit::Turns, rows));
        }
        let table = verdicts(&report);
        assert!(table.contains("0.95 ×") && table.contains("| yes"), "{table}");
        assert!(table.contains("0.80 ×") && table.contains("**no**"), "{table}");
    }

    /// A server that found the events of another one in its queue would send them.
    #[test]
    fn each_server_has_a_queue_of_its_own() {
        let endpoint = "127.0.0.1:1".parse().unwrap();
        let sections = |name: &str| {
            let folder = Path::new("/run").join(name);
            Observed { endpoint, pulls: false }.sections(&folder)
        };
        for name in [OBSERVED, PULLS] {
            let directory = format!("directory: \"/run/{name}/events\"}}");
            assert!(sections(name).contains(&directory), "{}", sections(name));
        }
    }

    #[test]
    fn a_webhook_takes_one_request_after_the_other() {
        let mut stream = TcpStream::connect(listen().unwrap()).unwrap();
        for _ in 0..2 {
            stream.write_all(b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc").unwrap();
            let mut answer = [0; 38];
            stream.read_exact(&mut answer).unwrap();
            assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"\r\n\r\n"));
        }
    }
}
