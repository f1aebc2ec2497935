//! The folder of a localnet: its keys and what it wrote down about itself.

use anyhow::{Context, Result, anyhow};
use serde::{Deserialize, Serialize};
use solana_keypair::{Keypair, read_keypair_file, write_keypair_file};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const KEYS: &str = "keys";
const DESCRIPTION: &str = "localnet.json";

/// Where a localnet keeps everything.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// A folder, created when it is missing.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn open(root: &Path) -> Result<Self> {
        let root = std::path::absolute(root)?;
        fs::create_dir_all(root.join(KEYS))
            .with_context(|| format!("cannot create {}", root.display()))?;
        Ok(Self { root })
    }

    /// A folder in which a localnet was started before; nothing is created.
    ///
    /// # Errors
    /// When none was.
    pub fn existing(root: &Path) -> Result<Self> {
        let folder = Self {
            root: std::path::absolute(root)?,
        };
        folder.description()?;
        Ok(folder)
    }

    /// The folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A file in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Where a key is kept.
    pub fn key_path(&self, name: &str) -> PathBuf {
        self.root.join(KEYS).join(format!("{name}.json"))
    }

    /// A key, made when there is none of this name.
    ///
    /// # Errors
    /// When its file cannot be read or written.
    pub fn key(&self, name: &str) -> Result<Keypair> {
        let path = self.key_path(name);
        let failed =
            |error: Box<dyn std::error::Error>| anyhow!("the key {}: {error}", path.display());
        if path.exists() {
            return read_keypair_file(&path).map_err(failed);
        }
        let key = Keypair::new();
        write_keypair_file(&key, &path).map_err(failed)?;
        Ok(key)
    }

    /// Writes down what the localnet is, for other programs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn describe(&self, description: &Description) -> Result<()> {
        let text = serde_json::to_string_pretty(description)?;
        write_whole(&self.path(DESCRIPTION), &text)
    }

    /// Takes away what an earlier run has written down: who waits for the description waits until everything is there.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub(crate) fn forget(&self) -> Result<()> {
        let path = self.path(DESCRIPTION);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        }
    }

    /// What the localnet is.
    ///
    /// # Errors
    /// When none was started in this folder.
    pub fn description(&self) -> Result<Description> {
        let path = self.path(DESCRIPTION);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("no localnet was started in {}", self.root.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))
    }
}

/// Where everything of a localnet is. It stands as JSON in `localnet.json`, from when everything runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// JSON RPC.
    pub url: String,
    /// Its websocket.
    pub ws_url: String,
    /// The program.
    pub program: String,
    /// The exchange.
    pub exchange: String,
    /// Its board.
    pub board: String,
    /// Mints, by ticker.
    pub mints: BTreeMap<String, String>,
    /// Price accounts, by feed.
    pub price_accounts: BTreeMap<String, String>,
    /// The key that has the SOL and mints every token.
    pub faucet_keypair: PathBuf,
    /// Where the app is served, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_url: Option<String>,
}

/// Writes a file so that whoever reads it finds the old text or the new one.
pub(crate) fn write_whole(path: &Path, text: &str) -> Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, text)
        .and_then(|()| fs::rename(&part, path))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use solana_signer::Signer as _;

    #[test]
    fn keys_stay() {
        let temporary = tempfile::tempdir().unwrap();
        let root = temporary.path().join("new");
        let error = Folder::existing(&root).unwrap_err().to_string();
        assert!(error.contains("no localnet was started"), "{error}");
        assert!(!root.exists());
        let folder = Folder::open(&root).unwrap();
        let key = folder.key("maker").unwrap();
        assert_eq!(folder.key("maker").unwrap().pubkey(), key.pubkey());
        assert_ne!(folder.key("keeper").unwrap().pubkey(), key.pubkey());
        folder.forget().unwrap();
        fs::write(folder.path(DESCRIPTION), "{}").unwrap();
        folder.forget().unwrap();
        assert!(Folder::existing(&root).is_err());
        fs::write(folder.key_path("maker"), "[1]").unwrap();
        let error = folder.key("maker").unwrap_err().to_string();
        assert!(error.contains("maker.json"), "{error}");
    }
}
