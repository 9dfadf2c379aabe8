//! Marks what one repository needs.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    sync::Arc,
};

use wharf_digest::{Algorithm, Digest};
use wharf_driver::Result;
use wharf_manifest::{Manifest, ManifestError, MediaType, Role, Schemas};
use wharf_storage::tree::{self, Repository};

use crate::{
    folders::{self, Folders},
    links::{self, Link},
    manifests::{BLOB_LIMIT, Found, LIMIT, Wanted},
};

use super::run::{Condemned, Lines, Run, Untagged};

/// A repository that is being marked.
struct Marking<'a> {
    run: &'a Arc<Run>,
    repository: &'a Repository,
    lines: Lines<'a>,
    /// Its manifests, in order.
    revisions: Vec<Digest>,
    /// Where the bytes of some of them are.
    elsewhere: HashMap<Digest, Digest>,
    /// What was visited, or is going to be.
    kept: HashSet<Digest>,
    visits: VecDeque<Visit>,
    /// Whether something is needed that is not known.
    unsure: bool,
}

/// Something to be read.
#[derive(Clone, Copy)]
struct Visit {
    digest: Digest,
    at: Digest,
    /// Whether it has to be a manifest, and is no blob that an index lists.
    is_manifest: bool,
    is_revision: bool,
}

/// Untagged manifests, by what is known of them.
#[derive(Default)]
struct Rest {
    /// About nothing.
    free: Vec<Digest>,
    /// By what they are about.
    about: BTreeMap<Digest, Vec<Digest>>,
}

/// How many manifests are read at once.
const BATCH: usize = 128;

/// Marks everything that a repository needs. Returns which of its manifests are to go.
pub(super) async fn mark(run: &Arc<Run>, repository: Repository) -> Result<Condemned> {
    let mut marking = Marking {
        run,
        repository: &repository,
        lines: run.lines(),
        revisions: Vec::new(),
        elsewhere: HashMap::new(),
        kept: HashSet::new(),
        visits: VecDeque::new(),
        unsure: false,
    };
    let manifests = marking.mark().await?;
    drop(marking);
    Ok(Condemned { repository, manifests })
}

// === impl Marking ===

impl Marking<'_> {
    async fn mark(&mut self) -> Result<Vec<Untagged>> {
        self.lines.line(format_args!("{}", self.repository.name()));
        self.find_revisions().await?;
        for tagged in self.tagged().await? {
            self.keep(tagged, true);
        }
        if !self.run.options.untagged {
            self.keep_all();
        }
        self.follow().await?;
        let untagged = self.untagged().await?;
        if self.unsure {
            self.keep_links().await?;
        }
        Ok(untagged)
    }

    fn report(&self, problem: std::fmt::Arguments<'_>) {
        self.run.report(self.repository.name(), problem);
    }

    fn is_revision(&self, digest: &Digest) -> bool {
        self.revisions.binary_search(digest).is_ok()
    }
}

// === impl Marking: roots ===

impl Marking<'_> {
    /// Finds the manifests. One whose link is damaged counts by the name of the link.
    async fn find_revisions(&mut self) -> Result<()> {
        let folder = self.repository.revisions();
        let named = folders::named(&self.run.driver, &folder).await?;
        for path in named.strange {
            self.report(format_args!("{path}: no manifest is called so"));
            self.unsure = true;
        }
        let links = links::read_each(&self.run.driver, &folder, &named.digests).await?;
        for (digest, link) in named.digests.into_iter().zip(links) {
            match link {
                Link::Absent => continue,
                Link::To(target) if target == digest => {}
                Link::To(target) => drop(self.elsewhere.insert(digest, target)),
                Link::Damaged => {
                    self.report(format_args!("the link of manifest {digest} is damaged"))
                }
            }
            self.revisions.push(digest);
        }
        Ok(())
    }

    /// What tags point to, as far as it is there, and for tags that are damaged whatever they may have
    /// pointed to.
    async fn tagged(&mut self) -> Result<BTreeSet<Digest>> {
        let (driver, folder) = (&self.run.driver, self.repository.tags());
        let mut tagged = BTreeSet::new();
        let mut tags = Folders::of(driver, folder.clone());
        while let Some(names) = tags.next().await? {
            let named = names.iter().filter_map(|name| Some((name, tree::current(name)?)));
            let (names, paths): (Vec<_>, Vec<_>) = named.unzip();
            let links = links::at_each(driver, &folder, &paths).await?;
            for (tag, link) in names.into_iter().zip(links) {
                match link {
                    Link::To(digest) => drop(tagged.insert(digest)),
                    Link::Absent => {}
                    Link::Damaged => {
                        self.report(format_args!("tag {tag} is damaged, all it ever was is kept"));
                        let Some(history) = self.repository.history(tag) else { continue };
                        tagged.extend(folders::named(driver, &history).await?.digests);
                    }
                }
            }
        }
        let mut there = BTreeSet::new();
        for digest in tagged {
            // distribution 2.1 linked manifests as blobs.
            if self.is_revision(&digest) || self.is_layer(&digest).await? {
                there.insert(digest);
            }
        }
        Ok(there)
    }

    async fn is_layer(&self, digest: &Digest) -> Result<bool> {
        let link = links::read(&self.run.driver, &self.repository.layers(), digest).await?;
        Ok(link != Link::Absent)
    }

    fn keep_all(&mut self) {
        for digest in self.revisions.clone() {
            self.keep(digest, true);
        }
    }

    /// Keeps what a manifest is, or may be, and sees to it that it is read.
    fn keep(&mut self, digest: Digest, is_manifest: bool) {
        if !self.kept.insert(digest) {
            return;
        }
        let is_revision = self.is_revision(&digest);
        let at = self.elsewhere.get(&digest).copied().unwrap_or(digest);
        if is_revision {
            let name = self.repository.name();
            self.lines.line(format_args!("{name}: marking manifest {digest} "));
        }
        self.run.marks.insert(&digest);
        self.run.marks.insert(&at);
        let is_manifest = is_manifest || is_revision;
        self.visits.push_back(Visit { digest, at, is_manifest, is_revision });
    }
}

// === impl Marking: what they need ===

impl Marking<'_> {
    /// Reads what is to be read, until nothing is.
    async fn follow(&mut self) -> Result<()> {
        while !self.visits.is_empty() {
            let batch: Vec<_> = self.visits.drain(..self.visits.len().min(BATCH)).collect();
            let wanted: Vec<_> = batch.iter().map(Visit::wanted).collect();
            let found = self.run.reader.read_each(&wanted).await?;
            for (visit, found) in batch.iter().zip(found) {
                self.visit(visit, found).await?;
            }
        }
        Ok(())
    }

    async fn visit(&mut self, visit: &Visit, found: Found) -> Result<()> {
        let digest = visit.digest;
        match found {
            Found::Manifest(manifest) => return self.need_all(&manifest).await,
            Found::Obscure(error, digests) if visit.is_manifest => {
                if error != ManifestError::Schema1 {
                    self.report(format_args!(
                        "{digest} is no known manifest ({error}), every digest in it is kept"
                    ));
                }
                return self.need_each(digests).await;
            }
            Found::Damaged(digests) if visit.is_manifest => {
                self.lost(format_args!("the bytes of manifest {digest} are not its own"));
                return self.need_each(digests).await;
            }
            Found::Large if visit.is_revision => {
                self.lost(format_args!("manifest {digest} is larger than any can be"));
            }
            Found::Missing if visit.is_revision => {
                self.lost(format_args!("the bytes of manifest {digest} are gone"));
            }
            // A blob that an index lists, or a child that is not there.
            Found::Obscure(..) | Found::Damaged(_) | Found::Large | Found::Missing => {}
        }
        Ok(())
    }

    /// What the repository needs cannot be known any more.
    fn lost(&mut self, problem: std::fmt::Arguments<'_>) {
        self.report(format_args!("{problem}, all that the repository links is kept"));
        self.unsure = true;
    }

    async fn need_all(&mut self, manifest: &Manifest) -> Result<()> {
        for reference in manifest.references() {
            let descriptor = reference.descriptor;
            let at = self.need(&descriptor.digest).await?;
            if reference.role == Role::Manifest {
                self.child(descriptor.digest, at, is_manifest_type(&descriptor.media_type));
            }
        }
        Ok(())
    }

    /// Marks digests of which nothing is known: they may be manifests.
    async fn need_each(&mut self, digests: BTreeSet<Digest>) -> Result<()> {
        for digest in digests {
            let at = self.need(&digest).await?;
            self.child(digest, at, false);
        }
        Ok(())
    }

    /// Marks what is needed. Returns where its bytes are.
    async fn need(&mut self, digest: &Digest) -> Result<Digest> {
        if self.run.marks.insert(digest) {
            let name = self.repository.name();
            self.lines.line(format_args!("{name}: marking blob {digest}"));
        }
        // distribution keeps content under its sha256, and elsewhere only says so.
        if digest.algorithm() == Algorithm::Sha256 {
            return Ok(*digest);
        }
        match links::read(&self.run.driver, &self.repository.layers(), digest).await? {
            Link::To(target) => {
                self.run.marks.insert(&target);
                return Ok(target);
            }
            Link::Damaged => self.lost(format_args!("the link of blob {digest} is damaged")),
            Link::Absent => {}
        }
        Ok(*digest)
    }

    fn child(&mut self, digest: Digest, at: Digest, is_manifest: bool) {
        if at != digest {
            self.elsewhere.entry(digest).or_insert(at);
        }
        self.keep(digest, is_manifest);
    }

    /// Marks everything that the repository links.
    async fn keep_links(&mut self) -> Result<()> {
        let folder = self.repository.layers();
        let digests = folders::named(&self.run.driver, &folder).await?.digests;
        let others: Vec<_> =
            digests.iter().filter(|it| it.algorithm() != Algorithm::Sha256).copied().collect();
        for link in links::read_each(&self.run.driver, &folder, &others).await? {
            if let Link::To(target) = link {
                self.run.marks.insert(&target);
            }
        }
        for digest in &digests {
            self.run.marks.insert(digest);
        }
        Ok(())
    }
}

// === impl Marking: untagged manifests ===

impl Marking<'_> {
    /// Keeps what is about something that is kept, what is too young, and what cannot be judged.
    /// Returns the others.
    async fn untagged(&mut self) -> Result<Vec<Untagged>> {
        let mut rest = self.rest().await?;
        self.follow().await?;
        loop {
            let kept = &self.kept;
            let mut due = Vec::new();
            rest.about.retain(|subject, referrers| {
                let is_due = kept.contains(subject);
                due.extend(is_due.then(|| std::mem::take(referrers)).into_iter().flatten());
                !is_due
            });
            if due.is_empty() {
                break;
            }
            due.into_iter().for_each(|digest| self.keep(digest, true));
            self.follow().await?;
        }
        if self.unsure {
            self.keep_all();
            self.follow().await?;
        }
        let about = rest.about.into_iter().flat_map(|(subject, referrers)| {
            let of = move |digest| Untagged { digest, subject: Some(subject) };
            referrers.into_iter().map(of)
        });
        let free = rest.free.into_iter().map(|digest| Untagged { digest, subject: None });
        let untagged: Vec<_> =
            free.chain(about).filter(|untagged| !self.kept.contains(&untagged.digest)).collect();
        for untagged in &untagged {
            self.lines.line(format_args!("manifest eligible for deletion: {}", untagged.digest));
        }
        Ok(untagged)
    }

    /// Reads the manifests that are not kept so far. Those that cannot be judged are from now on.
    async fn rest(&mut self) -> Result<Rest> {
        let mut rest = Rest::default();
        let left = self.revisions.iter().filter(|digest| !self.kept.contains(digest));
        let left: Vec<_> = left.copied().collect();
        for batch in left.chunks(BATCH) {
            let at = |digest: &Digest| self.elsewhere.get(digest).copied().unwrap_or(*digest);
            let wanted = |digest: &Digest| Wanted { digest: *digest, at: at(digest), limit: LIMIT };
            let wanted: Vec<_> = batch.iter().map(wanted).collect();
            let found = self.run.reader.read_each(&wanted).await?;
            for (digest, found) in batch.iter().zip(found) {
                let link = tree::link(&self.repository.revisions(), digest);
                match found {
                    _ if self.run.is_young(&link).await? => self.keep(*digest, true),
                    Found::Manifest(manifest) => match manifest.subject() {
                        Some(about) => rest.about.entry(about.digest).or_default().push(*digest),
                        None => rest.free.push(*digest),
                    },
                    Found::Obscure(ManifestError::Schema1, _) => rest.free.push(*digest),
                    _ => self.keep(*digest, true),
                }
            }
        }
        Ok(rest)
    }
}

// === impl Visit ===

impl Visit {
    fn wanted(&self) -> Wanted {
        let limit = if self.is_revision { LIMIT } else { BLOB_LIMIT };
        Wanted { digest: self.digest, at: self.at, limit }
    }
}

fn is_manifest_type(media_type: &MediaType) -> bool {
    static SCHEMAS: std::sync::LazyLock<Schemas> = std::sync::LazyLock::new(Schemas::default);
    SCHEMAS.contains(media_type)
}
