//! Keys of the original that nothing here answers to: those of version 2 that are gone, and hooks.

use super::{Key, Shape, flag, key, path, section, text, url};

pub(super) const NO_SWIFT: &str = "the driver was removed from distribution 3: copy the content into \
                                   s3, azure, gcs or a folder";
pub(super) const NO_OSS: &str = "the driver was removed from distribution 3: Alibaba Cloud speaks the \
                                 protocol of s3, too";
const NO_SCHEMA_1: &str = "manifests of schema 1 are not served, as in distribution 3";

pub(super) const COMPATIBILITY: &[Key] = &[section(
    "schema1",
    &[
        path("signingkeyfile", "The key that signed manifests.")
            .version_2()
            .ignored("no manifest is signed by the registry"),
        flag("enabled", "Manifests of schema 1 are taken.").version_2().ignored(NO_SCHEMA_1),
    ],
)
.version_2()
.doc("The first form of manifests, from before 2016.")];

pub(super) const REPORTING: &[Key] = &[
    section(
        "bugsnag",
        &[
            text("apikey", "The key of an account.").secret().version_2(),
            text("releasestage", "The kind of system.").version_2(),
            url("endpoint", "Another server.").version_2(),
        ],
    )
    .version_2()
    .doc("Errors to Bugsnag."),
    section(
        "newrelic",
        &[
            text("licensekey", "The key of an account.").secret().version_2(),
            text("name", "What we are called there.").version_2(),
            flag("verbose", "What is sent is printed.").version_2(),
        ],
    )
    .version_2()
    .doc("Errors to New Relic."),
];

pub(super) const HOOK: &[Key] = &[
    text("type", "`mail`, the only one."),
    flag("disabled", "It is not there."),
    text("levels", "What is sent.").list(),
    key(
        "options",
        Shape::Section(&[
            section(
                "smtp",
                &[
                    text("addr", "The mail server."),
                    text("username", "Who we are there."),
                    text("password", "The proof of it.").secret(),
                    flag("insecure", "Its certificate is not checked."),
                ],
            )
            .doc("How it is sent."),
            text("from", "Who sends it."),
            text("to", "Who gets it.").list(),
        ]),
    )
    .variable("MAILOPTIONS")
    .doc("Who sends to whom."),
];
