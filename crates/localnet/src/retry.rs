//! What fails once on a busy machine is no error; what keeps failing is.

use std::fmt::Display;

/// So many failures in a row are an error.
const LIMIT: u32 = 5;

/// Counts failures in a row of work that is repeated anyway.
#[derive(Debug)]
pub(crate) struct Patience {
    what: &'static str,
    failures: u32,
}

impl Patience {
    pub fn new(what: &'static str) -> Self {
        Self { what, failures: 0 }
    }

    /// Notes how it went, and logs what is worth it.
    pub fn note<T>(&mut self, result: Result<T, impl Display>) {
        let Err(error) = result else {
            if self.failures >= LIMIT {
                tracing::info!("{} work again", self.what);
            }
            self.failures = 0;
            return;
        };
        self.failures += 1;
        let (what, failures) = (self.what, self.failures);
        if failures >= LIMIT {
            tracing::error!("{what} failed {failures} times in a row: {error:#}");
        } else {
            tracing::info!("{what}, tried again: {error:#}");
        }
    }
}
