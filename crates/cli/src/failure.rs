//! Why a command failed, and the exit code that says so.

use std::fmt;
use std::io;

#[cfg(feature = "cluster")]
use ballast_client::config::ConfigError;
#[cfg(feature = "cluster")]
use ballast_client::errors::Refusal;
#[cfg(feature = "cluster")]
use ballast_client::rpc::ClientError;
#[cfg(feature = "cluster")]
use ballast_state::StateError;
use serde_json::json;

/// What went wrong, by exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something could not be read, written or reached.
    Io = 1,
    /// The input or the command line is wrong.
    Input = 2,
    /// The program refused it, or the runtime did; nothing was changed.
    Refused = 3,
    /// It was sent and not confirmed in time.
    NotConfirmed = 4,
    /// The user did not agree.
    Declined = 5,
}

impl Kind {
    /// Its name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Io => "io",
            Self::Input => "input",
            Self::Refused => "refused",
            Self::NotConfirmed => "not_confirmed",
            Self::Declined => "declined",
        }
    }
}

/// Why a command failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which sort of failure, and so the exit code.
    pub kind: Kind,
    /// What to tell.
    pub reason: String,
    /// The error code of the program that refused.
    pub code: Option<u32>,
    /// The name of the reason for which it refused.
    pub name: Option<String>,
    /// Whether nobody is left to be told.
    pub is_silent: bool,
}

impl Failure {
    fn new(kind: Kind, reason: String) -> Self {
        Self {
            kind,
            reason,
            code: None,
            name: None,
            is_silent: false,
        }
    }

    /// With what was done and why it failed.
    pub fn doing(what: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self::new(Kind::Io, format!("{what}: {error}"))
    }

    /// As the system says it.
    pub fn io(error: impl fmt::Display) -> Self {
        Self::new(Kind::Io, error.to_string())
    }

    /// Of the command line, a file, or what was asked for.
    pub fn input(reason: impl Into<String>) -> Self {
        Self::new(Kind::Input, reason.into())
    }

    /// Nobody said yes.
    pub fn declined(reason: impl Into<String>) -> Self {
        Self::new(Kind::Declined, reason.into())
    }

    /// The same with what was being done in front.
    pub fn while_doing(mut self, what: impl fmt::Display) -> Self {
        self.reason = format!("{what}: {}", self.reason);
        self
    }

    /// As it is told in JSON.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "error": {
                "kind": self.kind.name(),
                "code": self.code,
                "name": self.name,
                "message": self.reason,
            }
        })
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let is_silent = error.kind() == io::ErrorKind::BrokenPipe;
        Self {
            is_silent,
            ..Self::doing("output", error)
        }
    }
}

#[cfg(feature = "cluster")]
impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::input(error.to_string())
    }
}

#[cfg(feature = "cluster")]
impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        Self::input(format!("no figure can be given: {error}"))
    }
}

#[cfg(feature = "cluster")]
impl From<&Refusal> for Failure {
    fn from(refusal: &Refusal) -> Self {
        Self {
            code: refusal.code(),
            name: Some(refusal.name()),
            ..Self::new(Kind::Refused, format!("refused: {refusal}"))
        }
    }
}

#[cfg(feature = "cluster")]
impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let kind = match &error {
            ClientError::Refused(refusal) => return Self::from(&**refusal),
            ClientError::Expired(_) => Kind::NotConfirmed,
            ClientError::Message(_) => Kind::Input,
            _ => Kind::Io,
        };
        Self::new(kind, error.to_string())
    }
}
