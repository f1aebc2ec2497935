//! Writes the IDL of an Anchor program: `xtask-idl <program folder> <file>`. Apart from xtask, which compiles in seconds.

use std::{env, fs, path::PathBuf};

use anchor_lang_idl::build::IdlBuilder;
use anyhow::{Context, Result};

fn main() -> Result<()> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let (Some(program), Some(file)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: xtask-idl <program folder> <file>");
    };
    let idl = IdlBuilder::new()
        .program_path(program)
        .build()
        .context("compile errors are above")?;
    fs::write(&file, serde_json::to_string_pretty(&idl)? + "\n")
        .with_context(|| format!("cannot write {}", file.display()))
}
