//! Why a store cannot be used, in one sentence.

/// A parameter that has to be changed, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter}: {problem}")]
pub struct Refused {
    /// As it is called in the configuration of the driver.
    pub parameter: &'static str,
    /// What is wrong with it, and what the store answered.
    pub problem: String,
}

// === impl Refused ===

impl Refused {
    /// Says that a parameter has a problem.
    pub fn new(parameter: &'static str, problem: impl Into<String>) -> Self {
        Self { parameter, problem: problem.into() }
    }

    /// Makes sure that none of these texts is told.
    #[must_use]
    pub fn without<'a>(mut self, secrets: impl IntoIterator<Item = &'a str>) -> Self {
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            self.problem = self.problem.replace(secret, "…");
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_told() {
        let refused = Refused::new("secretkey", "hush is not the key, hush").without(["hush", ""]);
        assert_eq!(refused.to_string(), "secretkey: … is not the key, …");
    }
}
