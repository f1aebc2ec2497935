//! What SECURITY.md promises: whom to tell about a weakness can be read off the program's bytes, the way explorers do, and every invariant is named.

use ballast_sim::deploy_folder;
use ballast_sim::fuzz::INVARIANTS;
use solana_security_txt::{SECURITY_TXT_BEGIN, find_and_parse};
use std::fs;

#[test]
fn the_binary_says_whom_to_tell() {
    let bytes = fs::read(deploy_folder().join("ballast.so")).expect("the program is built");
    let begins = bytes
        .windows(SECURITY_TXT_BEGIN.len())
        .filter(|window| *window == SECURITY_TXT_BEGIN.as_bytes());
    assert_eq!(begins.count(), 1, "readers look for one place");
    let text = find_and_parse(&bytes).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(text.name, "Ballast");
    assert!(text.policy.contains("SECURITY.md"), "{}", text.policy);
    let contacts: Vec<_> = text.contacts.iter().map(ToString::to_string).collect();
    assert!(contacts[0].contains("security advisories"), "{contacts:?}");
    assert_eq!(text.preferred_languages, ["en"]);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(text.source_release.as_deref(), Some(version));
}

#[test]
fn every_invariant_of_the_fuzzer_is_named() {
    let page = include_str!("../../SECURITY.md");
    for (name, _) in INVARIANTS {
        assert!(page.contains(&format!("`{name}`")), "{name} is missing");
    }
}
