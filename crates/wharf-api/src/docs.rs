//! The table as a page.

use std::fmt::{self, Write as _};

use crate::{Endpoint, ErrorCode, Row, TABLE, header};

/// The text of `docs/api.md`.
pub fn docs() -> String {
    let mut page = String::from(INTRODUCTION);
    // Writing to a String cannot fail.
    let _ = write_page(&mut page);
    page
}

const INTRODUCTION: &str = "\
<!-- Generated from the table in `crates/wharf-api` by `cargo xtask codegen`. Do not edit. -->

# The HTTP API

Wharf speaks the [OCI distribution specification](https://github.com/opencontainers/distribution-spec),
with the error codes, messages and habits of docker/distribution. This page is written from the
table that the router and the access control use.

- A `<name>` is a repository: components of `[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*`, separated by `/`,
  255 bytes at most. Any word can be part of it: the last keyword of a path decides.
- A `<digest>` is `sha256:`, `sha384:` or `sha512:` and lower-case hexadecimal digits. A tag is
  `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
- A path is percent-decoded once; an encoded slash separates nothing. One slash at its end makes no
  difference. In a query, `+` is a plus.
- Lists go on where `Link` says; it keeps the other parameters of the request.
- A failed request has a body `{\"errors\": [{\"code\", \"message\", \"detail\"}]}` of the type
  `application/json`.

";

fn write_page(page: &mut String) -> fmt::Result {
    write_overview(page)?;
    for endpoint in Endpoint::ALL {
        writeln!(page, "## `{}`\n", endpoint.template())?;
        for row in rows(endpoint) {
            write_row(page, row)?;
        }
    }
    write_headers(page)?;
    write_errors(page)
}

fn rows(endpoint: Endpoint) -> impl Iterator<Item = &'static Row> {
    TABLE.iter().filter(move |row| row.endpoint == endpoint)
}

fn write_overview(page: &mut String) -> fmt::Result {
    writeln!(page, "| path | methods |\n|---|---|")?;
    for endpoint in Endpoint::ALL {
        writeln!(page, "| `{}` | {} |", endpoint.template(), endpoint.allow())?;
    }
    writeln!(page)?;
    writeln!(page, "Every request may also meet {}.\n", codes(Row::COMMON_ERRORS))
}

fn write_row(page: &mut String, row: &Row) -> fmt::Result {
    writeln!(page, "### {} `{}`\n\n{}\n", row.method, row.path(), row.summary)?;
    let permissions: Vec<_> = row.permissions.iter().map(|needed| needed.describe()).collect();
    writeln!(page, "- Permission: {}", permissions.join(", "))?;
    if row.deletes() {
        writeln!(
            page,
            "- Refused with 405 `UNSUPPORTED` while deletes are off or the registry is read-only"
        )?;
    } else if row.mutates() {
        writeln!(page, "- Refused with 405 `UNSUPPORTED` while the registry is read-only")?;
    }
    for parameter in row.parameters {
        let repeated = if parameter.repeated { " (repeatable)" } else { "" };
        writeln!(page, "- Parameter `{}`{repeated}: {}", parameter.name, parameter.summary)?;
    }
    write_list(page, "Request headers", &names(row.request_headers))?;
    write_list(page, "Response headers", &names(row.response_headers))?;
    for success in row.successes {
        writeln!(page, "- {}: {}", success.status, success.summary)?;
    }
    write_list(page, "Errors", &codes(row.errors))?;
    writeln!(page)
}

fn write_list(page: &mut String, title: &str, list: &str) -> fmt::Result {
    if list.is_empty() { Ok(()) } else { writeln!(page, "- {title}: {list}") }
}

fn write_headers(page: &mut String) -> fmt::Result {
    writeln!(page, "## Headers\n\n| header | meaning |\n|---|---|")?;
    for (_, shown, summary) in header::ALL {
        writeln!(page, "| `{shown}` | {summary} |")?;
    }
    writeln!(page)
}

fn write_errors(page: &mut String) -> fmt::Result {
    writeln!(page, "## Error codes\n\n| code | status | message | when |\n|---|---|---|---|")?;
    for code in ErrorCode::ALL {
        let (status, message, when) = (code.status(), code.message(), code.when());
        writeln!(page, "| `{code}` | {status} | {message} | {when} |")?;
    }
    Ok(())
}

fn names(headers: &[&str]) -> String {
    let names: Vec<_> = headers.iter().map(|name| format!("`{}`", header::shown(name))).collect();
    names.join(", ")
}

fn codes(codes: &[ErrorCode]) -> String {
    let codes: Vec<_> = codes.iter().map(|code| format!("`{code}` ({})", code.status())).collect();
    codes.join(", ")
}
