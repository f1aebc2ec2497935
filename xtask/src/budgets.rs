//! `docs/budgets.md`: what `tests/tests/budgets.rs` measured.

use std::{fmt::Write, fs};

use anyhow::{Context, Result};

use crate::{
    bench::{rows, thousands},
    process::run,
    tasks::in_workspace,
    workspace::Workspace,
};

/// A table of the page.
struct Section {
    file: &'static str,
    title: &'static str,
    text: &'static str,
    unit: &'static str,
}

const SECTIONS: &[Section] = &[
    Section {
        file: "accounts",
        title: "Accounts",
        text: "The eight bytes of the type are part of it. Sizes never change with what is in an account.",
        unit: "bytes",
    },
    Section {
        file: "rent",
        title: "Rent",
        text: "What has to lie in an account for as long as it exists, at the rent of 6,960 lamports per byte and 128 bytes more; 1,000,000,000 \
               lamports are one SOL.",
        unit: "lamports",
    },
    Section {
        file: "transactions",
        title: "Transactions",
        text: "One call of every instruction (`tests/src/catalogue`) as a legacy transaction with its signatures, a payer who is nobody else, a \
               compute limit and a price. 1,232 bytes are allowed: none needs a lookup table.",
        unit: "bytes",
    },
    Section {
        file: "long_transactions",
        title: "Long transactions",
        text: "The most that fits 1,232 bytes and 64 accounts. Those with a table are of version 0, with a lookup table that holds what \
               `lookup_addresses` of the client gives, or the dated markets as well.",
        unit: "bytes",
    },
    Section {
        file: "program",
        title: "The program",
        text: "Measured with the toolchain that the machine has; the other one's differs.",
        unit: "bytes",
    },
];

/// Measures sizes and rents and writes the page. The programs are built.
pub fn budgets(workspace: &Workspace) -> Result<()> {
    let test = ["test", "-p", "ballast-tests", "--test", "budgets"];
    run(&mut in_workspace(workspace, &test))?;
    let mut page = String::from(
        "# Budgets\n\n\
         Written by `cargo xtask bench --budgets`; every figure is measured by `tests/tests/budgets.rs`, which fails when one is above its \
         ceiling. Compute units are in [performance.md](performance.md).\n",
    );
    for section in SECTIONS {
        write!(
            page,
            "\n## {}\n{}\n\n| | {} | ceiling | |\n| --- | ---: | ---: | --- |\n",
            section.title, section.text, section.unit
        )?;
        let table = format!("bench/budgets/{}.json", section.file);
        for row in rows(&workspace.target.join(table))? {
            let text = |field: &str| row[field].as_str().unwrap_or_default();
            let number = |field: &str| thousands(row[field].as_f64().unwrap_or(f64::NAN));
            let (name, what) = (text("name"), text("what"));
            let (figure, ceiling) = (number("figure"), number("ceiling"));
            writeln!(page, "| {name} | {figure} | {ceiling} | {what} |")?;
        }
    }
    let path = workspace.path("docs/budgets.md");
    fs::write(&path, page).with_context(|| format!("cannot write {}", path.display()))?;
    println!("{}", path.display());
    Ok(())
}
