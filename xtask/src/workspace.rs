//! Where things are.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use serde_json::Value;

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
        let metadata: Value = serde_json::from_str(&metadata)?;
        let target = metadata["target_directory"]
            .as_str()
            .context("`cargo metadata` names no target folder")?
            .into();
        Ok(Self { root, target })
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
