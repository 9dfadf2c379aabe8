//! `cargo xtask bench --collect`: what walks a whole store, beside what else does.
//!
//! `garbage-collect --dry-run` of Wharf and of distribution on one store, which have to name the same
//! blobs; and `wharf fsck` beside `sha256sum`, a process for each core, on a store with real bytes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::machine::Machine;
use super::{Args, abort, page, peers, table};
use crate::workspace::Workspace;
use crate::{Outcome, files, store_fixture};
use said::Said;
use spent::Spent;

mod said;
mod spent;

/// Who did what.
struct Row {
    work: &'static str,
    program: &'static str,
    spent: Spent,
}

/// A target, and whether it is met.
struct Verdict {
    what: &'static str,
    target: String,
    measured: String,
    met: bool,
}

/// Nothing takes longer.
const LIMIT: Duration = Duration::from_secs(30 * 60);

/// How much faster than distribution a collection has to be.
const FASTER: f64 = 10.0;

/// And with how much memory.
const MEMORY: u64 = 256_000_000;

/// How much longer than `sha256sum` alone a check may take.
const HASHING: f64 = 1.25;

const COLLECT: &str = "garbage-collect --dry-run";
const CHECK: &str = "every blob is hashed";

const PAGE: &str = "docs/benchmarks-collect.md";

const COLUMNS: [&str; 6] = ["work", "program", "time", "CPU", "peak memory", "time of ours ×"];

/// Measures, prints the tables, and writes the page.
pub(super) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let target = workspace.target("bench")?;
    let ours = peers::ours(args.server.as_deref(), &workspace)?;
    let theirs =
        peers::distribution(&workspace)?.ok_or("distribution is not there to compare with")?;
    let temporary = tempfile::tempdir_in(&target)?;
    abort::clean_up_on_signal(temporary.path())?;
    let folder = args.folder.as_deref().unwrap_or(temporary.path());
    let (many, full) = stores(folder, args)?;
    let machine = Machine::look(folder)?;
    let preface = format!("{}\n\n{}\n", machine.describe(), described(&many, &full)?);
    println!("{preface}");

    let own = temporary.path();
    let mut rows = Vec::new();
    let config = config(own, &many)?;
    let mut said = Vec::new();
    for (program, path) in [("wharf", &ours), ("distribution", &theirs)] {
        let mut command = Command::new(path);
        command.args(["garbage-collect", "--dry-run"]).arg(&config);
        let output = own.join(program);
        rows.push(Row { work: COLLECT, program, spent: Spent::by(&mut command, &output, LIMIT)? });
        said.push(Said::read(&output)?);
    }
    let agreed = Said::compare(&said[0], &said[1])?;
    rows.extend(check(args, &ours, own, &full)?);

    let verdicts = verdicts(&rows);
    let figures = format!("\n{preface}\n{}\n{agreed}\n\n{}", shown(&rows), judged(&verdicts));
    println!("{figures}");
    if args.write_docs {
        files::settle(&[page::filled(PAGE, &figures)?], false, "bench --collect")?;
    }
    println!("removing what was written");
    temporary.close()?;
    match verdicts.iter().find(|verdict| !verdict.met) {
        None => Ok(()),
        Some(verdict) => Err(format!("{}: {}", verdict.what, verdict.measured).into()),
    }
}

/// The store with many blobs and the one with many bytes; those that are there are taken as they are.
fn stores(folder: &Path, args: &Args) -> Outcome<(PathBuf, PathBuf)> {
    let (many, full) = (folder.join("many"), folder.join("full"));
    let (blobs, layers) = if args.quick { (20_000, 64) } else { (1_000_000, 512) };
    let blobs = args.blobs.unwrap_or(blobs);
    let fixtures = [
        (&many, store_fixture::Args::many(many.clone(), blobs)),
        (&full, store_fixture::Args::full(full.clone(), layers, 4 << 20)),
    ];
    for (folder, fixture) in fixtures {
        if !folder.exists() {
            store_fixture::run(&fixture)?;
        }
    }
    Ok((many, full))
}

/// What both programs read.
fn config(folder: &Path, store: &Path) -> Outcome<PathBuf> {
    let path = folder.join("config.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\n",
        store.display()
    );
    fs::write(&path, text)?;
    Ok(path)
}

/// Both ways to hash everything, in turn; the quickest of each, since what disturbs only slows down.
fn check(args: &Args, ours: &Path, own: &Path, store: &Path) -> Outcome<Vec<Row>> {
    let config = config(own, store)?;
    let blobs = store.join("docker/registry/v2/blobs");
    let cores = std::thread::available_parallelism()?;
    let sum =
        format!("find {} -name data -print0 | xargs -0 -n 8 -P {cores} sha256sum", blobs.display());
    let (mut fsck, mut sums) = (Vec::new(), Vec::new());
    for _ in 0..args.rounds.unwrap_or(3).max(1) {
        let output = own.join("sums");
        sums.push(Spent::by(Command::new("sh").args(["-c", &sum]), &output, LIMIT)?);
        let mut command = Command::new(ours);
        fsck.push(Spent::by(command.arg("fsck").arg(&config), &own.join("fsck"), LIMIT)?);
    }
    let row = |program, all: Vec<Spent>| {
        let best = all.into_iter().min_by(|a, b| a.time.cmp(&b.time));
        best.map(|spent| Row { work: CHECK, program, spent })
    };
    Ok([row("wharf fsck", fsck), row("sha256sum", sums)].into_iter().flatten().collect())
}

fn bytes(count: u64) -> String {
    format!("{:.1} MB", count as f64 / 1e6)
}

/// How large the stores are.
fn described(many: &Path, full: &Path) -> Outcome<String> {
    let count = |store: &Path| -> Outcome<(u64, u64)> {
        let mut sum = (0, 0);
        for prefix in fs::read_dir(store.join("docker/registry/v2/blobs/sha256"))? {
            for blob in fs::read_dir(prefix?.path())? {
                let size = fs::metadata(blob?.path().join("data"))?.len();
                sum = (sum.0 + 1, sum.1 + size);
            }
        }
        Ok(sum)
    };
    let ((many, _), (full, size)) = (count(many)?, count(full)?);
    Ok(format!("Collected: {many} blobs. Hashed: {full} blobs of {} together.", bytes(size)))
}

fn find<'a>(rows: &'a [Row], work: &str, program: &str) -> Option<&'a Spent> {
    rows.iter().find(|row| row.work == work && row.program == program).map(|row| &row.spent)
}

/// The first program of each work is ours.
fn shown(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let ours = rows.iter().find(|other| other.work == row.work);
        let ratio =
            ours.filter(|ours| ours.program != row.program).map_or("-".to_owned(), |ours| {
                format!("{:.2}", row.spent.time.as_secs_f64() / ours.spent.time.as_secs_f64())
            });
        let Spent { time, cpu, peak } = row.spent;
        vec![
            row.work.to_owned(),
            row.program.to_owned(),
            format!("{:.2} s", time.as_secs_f64()),
            format!("{cpu:.2} s"),
            bytes(peak),
            ratio,
        ]
    };
    table::markdown(&COLUMNS, &rows.iter().map(cells).collect::<Vec<_>>())
}

fn verdicts(rows: &[Row]) -> Vec<Verdict> {
    let ratio = |work, ours, theirs| {
        let seconds = |program| Some(find(rows, work, program)?.time.as_secs_f64());
        Some(seconds(theirs)? / seconds(ours)?)
    };
    let faster = ratio(COLLECT, "wharf", "distribution").unwrap_or(0.0);
    let peak = find(rows, COLLECT, "wharf").map_or(u64::MAX, |spent| spent.peak);
    let longer = ratio(CHECK, "sha256sum", "wharf fsck").unwrap_or(f64::INFINITY);
    vec![
        Verdict {
            what: "a dry run is faster than distribution's",
            target: format!("{FASTER} ×"),
            measured: format!("{faster:.1} ×"),
            met: faster >= FASTER,
        },
        Verdict {
            what: "its memory",
            target: bytes(MEMORY),
            measured: bytes(peak),
            met: peak <= MEMORY,
        },
        Verdict {
            what: "a check takes as long as hashing on all cores",
            target: format!("{HASHING} ×"),
            measured: format!("{longer:.2} ×"),
            met: longer <= HASHING,
        },
    ]
}

fn judged(verdicts: &[Verdict]) -> String {
    let cells = |verdict: &Verdict| {
        let met = if verdict.met { "yes" } else { "**no**" };
        vec![
            verdict.what.to_owned(),
            verdict.target.clone(),
            verdict.measured.clone(),
            met.to_owned(),
        ]
    };
    let rows: Vec<_> = verdicts.iter().map(cells).collect();
    table::markdown(&["", "target", "measured", "met"], &rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(work: &'static str, program: &'static str, seconds: u64, peak: u64) -> Row {
        let time = Duration::from_secs(seconds);
        Row { work, program, spent: Spent { time, cpu: 1.0, peak } }
    }

    #[test]
    fn what_is_missed_is_told() {
        let rows = [
            row(COLLECT, "wharf", 10, 100 << 20),
            row(COLLECT, "distribution", 150, 300 << 20),
            row(CHECK, "wharf fsck", 15, 1),
            row(CHECK, "sha256sum", 10, 1),
        ];
        let verdicts = verdicts(&rows);
        assert_eq!(verdicts.iter().map(|it| it.met).collect::<Vec<_>>(), [true, true, false]);
        let table = judged(&verdicts);
        assert!(table.contains("15.0 ×") && table.contains("1.50 ×") && table.contains("**no**"));
        let table = shown(&rows);
        assert!(table.contains(" 15.00 ") && table.contains(" 0.67 "), "{table}");
    }

    #[test]
    fn stores_are_made_once_and_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (many, full) = (folder.path().join("many"), folder.path().join("full"));
        store_fixture::run(&store_fixture::Args::many(many.clone(), 200)).unwrap();
        store_fixture::run(&store_fixture::Args::full(full.clone(), 8, 1000)).unwrap();
        let words = described(&many, &full).unwrap();
        assert!(words.starts_with("Collected: 202 blobs."), "{words}");
        assert!(config(folder.path(), &many).unwrap().is_file());
    }
}
