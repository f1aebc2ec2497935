//! Where things are.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

use crate::process::{cargo, output};

/// Folders of this checkout.
pub struct Workspace {
    /// The checkout itself.
    pub root: PathBuf,
    /// Cargo's target folder, wherever the user's settings put it.
    pub target: PathBuf,
}

impl Workspace {
    /// Finds the checkout that this program was built from, and asks cargo for its target folder.
    pub fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask has no parent folder")?
            .to_owned();
        let metadata = output(
            cargo()
                .args([
                    "metadata",
                    "--no-deps",
                    "--format-version=1",
                    "--manifest-path",
                ])
                .arg(root.join("Cargo.toml")),
        )?;
        let target = json_string(&metadata, "target_directory")
            .context("`cargo metadata` names no target folder")?;
        Ok(Self {
            root,
            target: target.into(),
        })
    }

    /// Where finished programs lie: `<name>.so`.
    pub fn deploy(&self) -> PathBuf {
        self.target.join("deploy")
    }

    /// Cargo's target folder for on-chain builds.
    pub fn sbf_target(&self) -> PathBuf {
        self.target.join("sbf")
    }

    /// A path of the checkout.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }
}

/// The user's cache folder: `$XDG_CACHE_HOME`, or `.cache` in the home folder.
pub fn user_cache() -> Result<PathBuf> {
    if let Some(cache) = env::var_os("XDG_CACHE_HOME").filter(|cache| !cache.is_empty()) {
        return Ok(cache.into());
    }
    let home = env::home_dir().context("no home folder: set HOME or XDG_CACHE_HOME")?;
    Ok(home.join(".cache"))
}

/// The value of the last `"key":"…"` in compact JSON. Paths hold no other escapes than of backslash and quote.
fn json_string(json: &str, key: &str) -> Option<String> {
    let start = format!("\"{key}\":\"");
    let rest = &json[json.rfind(&start)? + start.len()..];
    let mut value = String::new();
    let mut characters = rest.chars();
    loop {
        match characters.next()? {
            '"' => return Some(value),
            '\\' => value.push(characters.next()?),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::json_string;

    #[test]
    fn json_strings_are_unescaped() {
        let json = r#"{"x":1,"target_directory":"/a \"b\"\\c","version":1}"#;
        assert_eq!(
            json_string(json, "target_directory").as_deref(),
            Some(r#"/a "b"\c"#)
        );
        assert_eq!(json_string(json, "missing"), None);
    }
}
