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

    /// The program or the runtime said no.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::new(Kind::Refused, reason.into())
    }

    /// Sent and not confirmed in time.
    pub fn not_confirmed(reason: impl Into<String>) -> Self {
        Self::new(Kind::NotConfirmed, reason.into())
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

    /// What is told: the reason without what may be a key in the address of a node.
    pub fn message(&self) -> String {
        without_paths(&self.reason)
    }

    /// As it is told in JSON.
    pub fn json(&self) -> serde_json::Value {
        json!({
            "error": {
                "kind": self.kind.name(),
                "code": self.code,
                "name": self.name,
                "message": self.message(),
            }
        })
    }
}

/// A text with nothing but scheme and host of the web addresses in it: name, password, path and query may be secret.
pub fn without_paths(text: &str) -> String {
    let ends = |letter: char| letter.is_whitespace() || "\"`<>\\".contains(letter);
    let mut told = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("://") {
        let (address, after) = after.split_at(after.find(ends).unwrap_or(after.len()));
        // What closes a bracket or a sentence is none of it.
        let bare = address.trim_end_matches([')', ']', '}', ',', ';', ':', '.', '\'']);
        let host = bare.split(['/', '?', '#', ')']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        told += before;
        told += "://";
        told += host;
        told += &address[bare.len()..];
        rest = after;
    }
    told + rest
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
            ClientError::Expired(_) | ClientError::Unknown(_) => Kind::NotConfirmed,
            ClientError::Message(_) => Kind::Input,
            _ => Kind::Io,
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_addresses_are_not_told() {
        for (text, told) in [
            ("no address", "no address"),
            (
                "at http://127.0.0.1:8899 and",
                "at http://127.0.0.1:8899 and",
            ),
            (
                "for url (https://me:word@node.example/KEY?api-key=KEY): refused",
                "for url (https://node.example): refused",
            ),
            (
                "wss://node.example?KEY, https://a/KEY",
                "wss://node.example, https://a",
            ),
            ("url = \"https://a/a)KEY\"\n  ^", "url = \"https://a\"\n  ^"),
            (
                r#"{"a":"https://a/KEY","b":1}"#,
                r#"{"a":"https://a","b":1}"#,
            ),
        ] {
            assert_eq!(without_paths(text), told);
        }
        let failure = Failure::input("https://node.example/KEY");
        assert!(!failure.json().to_string().contains("KEY"));
    }
}
