//! What `wharf serve` is told without a file: where to listen, and what to serve.

use std::{error::Error, net::IpAddr, path::PathBuf};

use wharf_config::{Address, Configuration};

/// Keys that are given on the command line. They come before variables, as those come before a file.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Flags {
    /// Where to listen, instead of http.addr: 127.0.0.1:5000, or :5000 for every address of this machine
    #[arg(long, value_name = "[HOST]:PORT")]
    pub(crate) addr: Option<Address>,
    /// The directory to serve, instead of storage.filesystem.rootdirectory
    #[arg(long, value_name = "DIRECTORY")]
    pub(crate) root: Option<PathBuf>,
    /// Let whoever reaches --addr do everything, though there is no access control
    #[arg(long, requires = "addr")]
    pub(crate) insecure_open: bool,
}

// === impl Flags ===

impl Flags {
    /// The variables that say the same.
    pub(crate) fn variables(&self) -> Result<Vec<(String, String)>, Box<dyn Error>> {
        let addr = self.addr.as_ref().map(Address::to_string);
        let root = match &self.root {
            Some(root) => Some(root.to_str().ok_or("--root: the path is not UTF-8")?.to_owned()),
            None => None,
        };
        let named =
            [("REGISTRY_HTTP_ADDR", addr), ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", root)];
        Ok(named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }

    /// Refuses to open a registry to others by a mere address. Who writes a file, or names the variable,
    /// has been told by the documents what it means; who types an address may not know.
    pub(crate) fn check(&self, configuration: &Configuration) -> Result<(), Box<dyn Error>> {
        let Some(addr) = &self.addr else { return Ok(()) };
        if self.insecure_open || configuration.auth.is_some() || is_this_machine(addr) {
            return Ok(());
        }
        Err(format!(
            "--addr {addr} would let everybody who reaches it do everything: there is no access control. \
             Serve a configuration file with auth, listen on 127.0.0.1, or say --insecure-open"
        )
        .into())
    }
}

/// Whether only this machine reaches an address.
fn is_this_machine(Address { host, .. }: &Address) -> bool {
    let is_loopback = |address: IpAddr| address.to_canonical().is_loopback();
    host == "localhost" || host.parse().is_ok_and(is_loopback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(addr: &str, insecure_open: bool, auth: &str, expected: bool) {
        let addr = Some(addr.parse().expect("an address"));
        let flags = Flags { addr, insecure_open, ..Flags::default() };
        let text = format!("version: 0.1\nstorage: {{inmemory: }}\n{auth}\n");
        let loaded = Configuration::load(&text, "c.yml", []).expect("a configuration");
        assert_eq!(flags.check(&loaded.configuration).is_ok(), expected, "{flags:?}");
    }

    #[test]
    fn an_address_that_others_reach_takes_access_control_or_a_word() {
        const SILLY: &str = "auth: {silly: {realm: r, service: s}}";
        for addr in ["127.0.0.1:5000", "127.9.9.9:1", "localhost:0", "[::1]:5000"] {
            check(addr, false, "", true);
        }
        for addr in [":5000", "0.0.0.0:5000", "[::]:5000", "192.0.2.1:1", "registry.example:1"] {
            check(addr, false, "", false);
            check(addr, true, "", true);
            check(addr, false, SILLY, true);
        }
    }

    #[test]
    fn flags_are_the_variables_of_their_keys() {
        let flags = Flags {
            addr: Some(":0".parse().expect("an address")),
            root: Some("/srv".into()),
            insecure_open: false,
        };
        let variables = flags.variables().expect("UTF-8");
        let loaded = Configuration::load(Configuration::EMBEDDED, "embedded", variables);
        let configuration = loaded.expect("a configuration").configuration;
        assert_eq!(configuration.http.address.to_string(), ":0");
        assert!(configuration.storage.driver.to_string().contains("/srv"));
    }
}
