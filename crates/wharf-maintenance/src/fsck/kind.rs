//! What can be wrong with a store.

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "TABLE says what each is")]
pub enum Kind {
    BlobCorrupt,
    BlobEmpty,
    BlobMissing,
    BlobUnlinked,
    SizeWrong,
    LayerLinkDamaged,
    LayerLinkLoose,
    ManifestLinkDamaged,
    ManifestMissing,
    ManifestCorrupt,
    ManifestUnknown,
    TagDamaged,
    TagDangling,
    TagLeftover,
    TagHistoryMissing,
    TagHistoryDamaged,
    ReferrerMissing,
    ReferrerDamaged,
    ReferrerLoose,
    UploadLeftover,
    UploadDamaged,
    Strange,
    Unreadable,
}

/// What there is to say about a kind of finding.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Which one.
    pub kind: Kind,
    /// What it is called.
    pub name: &'static str,
    /// What is wrong.
    pub problem: &'static str,
    /// What a repair does about it.
    pub repair: &'static str,
}

const fn row(kind: Kind, name: &'static str, problem: &'static str, repair: &'static str) -> Row {
    Row { kind, name, problem, repair }
}

/// Everything that can be wrong, in the order of [`Kind`].
#[rustfmt::skip]
pub const TABLE: &[Row] = &[
    row(Kind::BlobCorrupt, "blob-corrupt",
        "the bytes of a blob are not those of its digest",
        "moved aside, if they are wrong when read a second time; a push brings the blob back"),
    row(Kind::BlobEmpty, "blob-empty",
        "the folder of a blob is empty",
        "removed"),
    row(Kind::BlobMissing, "blob-missing",
        "a manifest needs a blob that is not there",
        "none: push the blob or the image again, or restore it from a backup"),
    row(Kind::BlobUnlinked, "blob-unlinked",
        "a manifest needs a blob that is there, but not linked into the repository",
        "linked with --relink only: somebody may have deleted it on purpose"),
    row(Kind::SizeWrong, "size-wrong",
        "a manifest gives another size for a blob than it has",
        "none: no client accepts such an image; push it anew"),
    row(Kind::LayerLinkDamaged, "layer-link-damaged",
        "the link to a blob is empty, or says something else than its name",
        "written anew if the blob is there; removed if it is not, and no manifest needs it"),
    row(Kind::LayerLinkLoose, "layer-link-loose",
        "a link leads to a blob that is not there, and that no manifest of the repository needs",
        "removed"),
    row(Kind::ManifestLinkDamaged, "manifest-link-damaged",
        "the link to a manifest is empty, or says something else than its name",
        "written anew if the manifest is there"),
    row(Kind::ManifestMissing, "manifest-missing",
        "the bytes of a manifest are gone",
        "none: push it again, restore it from a backup, or delete it by its digest"),
    row(Kind::ManifestCorrupt, "manifest-corrupt",
        "the bytes of a manifest are not those of its digest",
        "none here; its blob is moved aside when blobs are hashed"),
    row(Kind::ManifestUnknown, "manifest-unknown",
        "the bytes of a manifest are right, but no manifest that is known",
        "none"),
    row(Kind::TagDamaged, "tag-damaged",
        "what a tag points to cannot be read",
        "written anew if the tag only ever pointed to one manifest, and that is there"),
    row(Kind::TagDangling, "tag-dangling",
        "a tag points to a manifest that the repository does not have",
        "removed: what is left of a delete that was cut off"),
    row(Kind::TagLeftover, "tag-leftover",
        "a tag has a history, but points to nothing",
        "removed: what is left of a delete, or of a push that was never acknowledged"),
    row(Kind::TagHistoryMissing, "tag-history-missing",
        "what a tag points to is not in its history",
        "written"),
    row(Kind::TagHistoryDamaged, "tag-history-damaged",
        "a link in the history of a tag is empty, or says something else than its name",
        "written anew"),
    row(Kind::ReferrerMissing, "referrer-missing",
        "a manifest with a subject is not listed among the referrers of it",
        "entered"),
    row(Kind::ReferrerDamaged, "referrer-damaged",
        "the entry of a referrer cannot be read, or says something else than its manifest",
        "written anew"),
    row(Kind::ReferrerLoose, "referrer-loose",
        "an entry of a referrer leads to a manifest that is gone, or that is about something else",
        "removed"),
    row(Kind::UploadLeftover, "upload-leftover",
        "a folder of an upload session in which nothing says when it began, so that nobody can go on",
        "removed"),
    row(Kind::UploadDamaged, "upload-damaged",
        "an upload session of which the checkpoint cannot be read",
        "removed: the client begins anew"),
    row(Kind::Strange, "strange",
        "a name that nothing in the layout has",
        "none"),
    row(Kind::Unreadable, "unreadable",
        "the store failed to read it",
        "none"),
];

// === impl Kind ===

impl Kind {
    /// What it is called.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// All there is to say about it.
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_row_and_every_row_its_line_in_the_docs() {
        let docs = include_str!("../../../../docs/fsck.md");
        for (number, row) in TABLE.iter().enumerate() {
            assert_eq!(row.kind as usize, number, "{}", row.name);
            let line = format!("| `{}` | {} | {} |", row.name, row.problem, row.repair);
            assert!(docs.contains(&line), "docs/fsck.md lacks\n{line}");
        }
        assert_eq!(TABLE.len(), Kind::Unreadable as usize + 1);
    }
}
