//! The two changes that Rust's standard library needs to be compiled for the VM.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

/// Adapts a copy of the standard library's sources.
pub fn adapt(library: &Path) -> Result<()> {
    edit(&library.join("std/src/sys/alloc/mod.rs"), declare_alignment)?;
    edit(&library.join("std/src/hash/random.rs"), fix_hash_keys)
}

fn edit(file: &Path, change: impl FnOnce(&str) -> Option<String>) -> Result<()> {
    let before =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let after = change(&before).with_context(|| {
        format!(
            "{} is not as expected: this version of Rust needs another change here",
            file.display()
        )
    })?;
    ensure!(before != after, "{} was changed before", file.display());
    fs::write(file, after)?;
    Ok(())
}

/// `MIN_ALIGN`, the alignment that every allocation has, knows no value for BPF: 8 bytes.
fn declare_alignment(source: &str) -> Option<String> {
    let place = source.find(")) {\n    8\n")?;
    let mut changed = source.to_owned();
    changed.insert_str(place, "    target_arch = \"bpf\",\n");
    Some(changed)
}

/// `RandomState::new` counts in a thread-local variable, and a program has no writable statics: use fixed keys.
fn fix_hash_keys(source: &str) -> Option<String> {
    let head = "pub fn new() -> RandomState {\n";
    let start = source.find(head)? + head.len();
    let end = start + source[start..].find("\n    }\n")?;
    let keys = "        RandomState { k0: 0x243f_6a88_85a3_08d3, k1: 0x1319_8a2e_0370_7344 }";
    Some(format!("{}{keys}{}", &source[..start], &source[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alignment_joins_the_architectures_of_eight() {
        let source =
            "if cfg!(any(\n    a,\n)) {\n    4\n} else if cfg!(any(\n    b,\n)) {\n    8\n} else {";
        let changed = declare_alignment(source).unwrap();
        assert!(changed.contains("    b,\n    target_arch = \"bpf\",\n)) {\n    8\n"));
        assert_eq!(declare_alignment("nothing here"), None);
    }

    #[test]
    fn hash_keys_replace_the_whole_body() {
        let source = "impl X {\n    pub fn new() -> RandomState {\n        a({\n            b\n        })\n    }\n}\n";
        let changed = fix_hash_keys(source).unwrap();
        assert!(
            changed
                .starts_with("impl X {\n    pub fn new() -> RandomState {\n        RandomState {")
        );
        assert!(changed.ends_with(" }\n    }\n}\n"));
    }
}
