//! `cargo xtask deploy`: whether what lies in `deploy/` is in order, as far as the programs that read
//! it can tell without a cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::workspace::{self, Workspace};
use crate::{Outcome, process, server};

const LIMIT: Duration = Duration::from_secs(60);
const INSTALL_LIMIT: Duration = Duration::from_secs(30 * 60);

/// For whom the chart is rendered: helm would take the version of its own libraries.
const KUBERNETES: &str = "1.31.0";

/// What the compose file of the replicas tells each of them.
const SECRETS: [(&str, &str); 2] = [
    ("REGISTRY_STORAGE_S3_ACCESSKEY", "registry"),
    ("REGISTRY_STORAGE_S3_SECRETKEY", "not-a-secret"),
];

/// What the compose files want to be told.
const VARIABLES: [(&str, &str); 3] = [
    ("MINIO_ROOT_USER", "registry"),
    ("MINIO_ROOT_PASSWORD", "not-a-secret"),
    ("REGISTRY_HTTP_SECRET", "not-a-secret"),
];

/// Have docker-compose, helm, nginx, systemd and the registry read what is in deploy/.
///
/// A program that is not installed is named, and its part left out.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build helm if it is not there (go install), at the version that tests/deploy/go.mod pins
    #[arg(long)]
    install: bool,
    #[command(flatten)]
    binary: server::Binary,
}

/// A row of the table of parts.
struct Part {
    name: &'static str,
    program: &'static str,
    check: fn(&Checker, &Path) -> Outcome,
}

const PARTS: &[Part] = &[
    Part { name: "compose files", program: "docker-compose", check: Checker::compose },
    Part { name: "front of the replicas", program: "nginx", check: Checker::front },
    Part { name: "units", program: "systemd-analyze", check: Checker::units },
    Part { name: "chart", program: "helm", check: Checker::chart },
];

/// What the checks need to know.
struct Checker {
    /// Our program, which reads the configurations.
    wharf: PathBuf,
    deploy: PathBuf,
    folder: tempfile::TempDir,
}

/// Runs all checks.
pub(crate) fn run(args: &Args) -> Outcome {
    let workspace = Workspace::load()?;
    let bin = workspace.target("e2e/bin")?;
    if args.install {
        install(&bin)?;
    }
    let wharf = args.binary.obtain(&workspace)?;
    let deploy = workspace::root().join("deploy");
    let checker = Checker { wharf, deploy, folder: tempfile::tempdir()? };
    checker.configurations()?;
    for part in PARTS {
        let own = Some(bin.join(part.program)).filter(|path| path.is_file());
        match own.or_else(|| process::find(part.program)) {
            Some(program) => (part.check)(&checker, &program)
                .map_err(|error| format!("{}: {error}", part.name))
                .map(|()| println!("{}: in order", part.name))?,
            None => println!("{}: not checked, {} is not installed", part.name, part.program),
        }
    }
    Ok(())
}

/// Builds helm, where Go is.
fn install(bin: &Path) -> Outcome {
    if bin.join("helm").is_file() || process::find("helm").is_some() {
        return Ok(());
    }
    if process::find("go").is_none() {
        return Ok(());
    }
    println!("installing helm");
    let mut go = Command::new("go");
    go.current_dir(workspace::root().join("tests/deploy"));
    process::output(go.args(["install", "tool"]).env("GOBIN", bin), INSTALL_LIMIT).map(drop)
}

// === impl Checker ===

impl Checker {
    /// Every configuration that we ship is one that the server takes.
    fn configurations(&self) -> Outcome {
        for (path, variables) in [
            ("config.yml", &[][..]),
            ("docker/config.yml", &[]),
            ("compose/replicas/config.yml", &SECRETS),
        ] {
            self.configuration(path, &self.read(path)?, variables)?;
        }
        self.embedded("kubernetes/wharf.yml", &self.read("kubernetes/wharf.yml")?)?;
        println!("configurations: in order");
        Ok(())
    }

    fn configuration(&self, name: &str, text: &str, variables: &[(&str, &str)]) -> Outcome {
        let file = self.folder.path().join("config.yml");
        fs::write(&file, text)?;
        let mut check = Command::new(&self.wharf);
        check.args(["config", "check", "--no-files"]).arg(&file).envs(variables.iter().copied());
        let said = process::output(&mut check, LIMIT);
        said.map(drop).map_err(|error| format!("{name}: {error}").into())
    }

    /// The configuration that is part of an object of Kubernetes.
    fn embedded(&self, name: &str, objects: &str) -> Outcome {
        let config = block(objects, "config.yml: |").ok_or("there is no config.yml in it")?;
        self.configuration(name, &config, &[])
    }

    fn compose(&self, program: &Path) -> Outcome {
        for file in ["compose/single.yml", "compose/replicas.yml"] {
            let mut compose = Command::new(program);
            compose.arg("--file").arg(self.deploy.join(file)).args(["config", "--quiet"]);
            process::output(compose.envs(VARIABLES), LIMIT)?;
        }
        Ok(())
    }

    /// The names of the replicas mean nothing here.
    fn front(&self, program: &Path) -> Outcome {
        let mut text = self.read("compose/replicas/nginx.conf")?;
        for replica in 1..=3 {
            text = text.replace(&format!("registry-{replica}:"), "127.0.0.1:");
        }
        let file = self.folder.path().join("nginx.conf");
        fs::write(&file, text)?;
        let mut test = Command::new(program);
        test.args(["-t", "-q", "-g"]).arg(format!("pid {}/pid;", self.folder.path().display()));
        process::output(test.arg("-c").arg(file), LIMIT).map(drop)
    }

    /// Units name a program that is not installed here.
    fn units(&self, program: &Path) -> Outcome {
        for unit in ["wharf.service", "wharf.socket"] {
            let wharf = self.wharf.display().to_string();
            let text = self.read(unit)?.replace("/usr/local/bin/wharf", &wharf);
            fs::write(self.folder.path().join(unit), text)?;
        }
        let mut verify = Command::new(program);
        verify.args(["verify", "--man=no"]).arg(self.folder.path().join("wharf.service"));
        process::output(verify.arg(self.folder.path().join("wharf.socket")), LIMIT).map(drop)
    }

    /// With its defaults, and with each file of values in `ci/`.
    fn chart(&self, helm: &Path) -> Outcome {
        let chart = self.deploy.join("helm/wharf");
        let mut values = vec![None];
        for entry in fs::read_dir(chart.join("ci"))? {
            values.push(Some(entry?.path()));
        }
        for values in values {
            let name =
                values.as_ref().map_or("its defaults".into(), |path| path.display().to_string());
            let with = |task: &[&str]| {
                let mut command = Command::new(helm);
                command.args(task).arg(&chart);
                values.iter().for_each(|path| _ = command.arg("--values").arg(path));
                process::output(&mut command, LIMIT)
            };
            with(&["lint", "--strict", "--kube-version", KUBERNETES])?;
            self.embedded(&name, &with(&["template", "test", "--kube-version", KUBERNETES])?)?;
        }
        self.refused(helm, &chart)
    }

    /// Replicas with a volume that goes to one node only would never start.
    fn refused(&self, helm: &Path, chart: &Path) -> Outcome {
        let mut template = Command::new(helm);
        template.args([
            "template",
            "test",
            "--kube-version",
            KUBERNETES,
            "--set",
            "replicaCount=3",
        ]);
        template.arg(chart);
        match process::output(&mut template, LIMIT) {
            Err(error) if error.to_string().contains("one node only") => Ok(()),
            outcome => Err(format!("three replicas on one volume came to {outcome:?}").into()),
        }
    }

    fn read(&self, path: &str) -> Outcome<String> {
        Ok(fs::read_to_string(self.deploy.join(path))
            .map_err(|error| format!("{path}: {error}"))?)
    }
}

/// The lines that are deeper than the one that begins with `head`, without what they are indented by;
/// nothing if there is no such line.
fn block(text: &str, head: &str) -> Option<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut lines = text.lines().skip_while(|line| line.trim() != head);
    let outer = indent(lines.next()?);
    let inner = lines.take_while(|line| line.trim().is_empty() || indent(line) > outer);
    let lines: Vec<&str> = inner.collect();
    let depth = indent(lines.first()?);
    Some(lines.iter().map(|line| format!("{}\n", line.get(depth..).unwrap_or_default())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_ends_where_its_indentation_does() {
        let text = "data:\n  config.yml: |\n    a: 1\n\n    b:\n      c: 2\nkind: Secret\n";
        assert_eq!(block(text, "config.yml: |").as_deref(), Some("a: 1\n\nb:\n  c: 2\n"));
        assert_eq!(block(text, "other.yml: |"), None);
    }
}
