//! The interface that clients use: what each instruction says about its accounts.

use ballast_sim::deploy_folder;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;

/// What the interface says about an account of an instruction.
pub struct Slot {
    pub name: String,
    pub writable: bool,
    pub signer: bool,
    pub optional: bool,
    /// What its address derives from, where the interface says it.
    pub seeds: Option<Vec<Seed>>,
}

/// A part of what an address derives from.
#[derive(Clone, Debug)]
pub enum Seed {
    Bytes(Vec<u8>),
    /// The address of another account of the instruction.
    Account(String),
    /// The arguments of the instruction.
    Arguments,
}

/// The accounts of every instruction, by its name.
pub fn read() -> BTreeMap<String, Vec<Slot>> {
    let path = deploy_folder().join("../idl/ballast.json");
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let interface: Value = serde_json::from_str(&text).unwrap();
    let instructions = interface["instructions"].as_array().unwrap().iter();
    instructions
        .map(|instruction| {
            let accounts = instruction["accounts"].as_array().unwrap();
            (name(instruction), accounts.iter().map(slot).collect())
        })
        .collect()
}

fn slot(account: &Value) -> Slot {
    let says = |what| account[what].as_bool().unwrap_or(false);
    Slot {
        name: name(account),
        writable: says("writable"),
        signer: says("signer"),
        optional: says("optional"),
        seeds: account["pda"]["seeds"]
            .as_array()
            .map(|seeds| seeds.iter().map(seed).collect()),
    }
}

fn seed(seed: &Value) -> Seed {
    match seed["kind"].as_str() {
        Some("const") => Seed::Bytes(serde_json::from_value(seed["value"].clone()).unwrap()),
        Some("account") => Seed::Account(seed["path"].as_str().unwrap().to_owned()),
        // The only one in any seeds is its instruction's only one.
        Some("arg") => Seed::Arguments,
        other => panic!("seeds of an unknown kind: {other:?}"),
    }
}

fn name(value: &Value) -> String {
    value["name"].as_str().unwrap().to_owned()
}
