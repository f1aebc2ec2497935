//! `app/src/engine/types.ts` follows the types of this crate.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::{env, fs, path::Path};

use ts_rs::{TS, TypeVisitor};

use crate::assess::Assessment;
use crate::change::{LargestAnswer, WhatIfAnswer};
use crate::curves::{CurvePoint, Grid, Package};
use crate::quotes::Quote;
use crate::request::*;
use crate::venue::Venue;
use crate::{Failure, LiquidationMarksAnswer};

/// Set, the file is written; otherwise it must be as it would be written.
const VARIABLE: &str = "BALLAST_WRITE_TYPES";

/// Declarations by the types' names.
#[derive(Default)]
struct Declarations {
    met: Vec<TypeId>,
    texts: BTreeMap<String, String>,
}

/// A declaration with comments of one line where they are, and its fields indented.
fn tidy(declaration: &str) -> String {
    let text = declaration
        .replace("/**\n * ", "/** ")
        .replace("\n */", " */");
    let text = text.replace(", } | ", ",\n} | ");
    let mut lines: Vec<_> = text.lines().map(str::trim_end).collect();
    let last = lines.pop().unwrap_or_default();
    let (fields, end) = match last.strip_suffix(" };") {
        Some(fields) if !lines.is_empty() => (fields, "\n};"),
        _ => (last, ""),
    };
    lines.push(fields);
    lines.join("\n  ").replace("\n  } |", "\n} |") + end
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if self.met.contains(&TypeId::of::<T>()) {
            return;
        }
        self.met.push(TypeId::of::<T>());
        // Those of the language and of the library have none.
        if T::output_path().is_some() {
            let docs = T::docs().unwrap_or_default();
            let docs = docs.replace("/**\n * ", "/** ").replace("\n */", " */");
            let text = format!("{docs}export {}\n", tidy(&T::decl()));
            self.texts.insert(T::name(), text);
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

#[test]
fn the_types_of_the_frontend_are_current() {
    let mut declarations = Declarations::default();
    macro_rules! visit {
        ($($type:ty),* $(,)?) => { $(declarations.visit::<$type>();)* };
    }
    visit!(
        Failure,
        VenueRequest,
        Venue,
        AssessRequest,
        Assessment,
        WhatIfRequest,
        WhatIfAnswer,
        LiquidationMarksRequest,
        LiquidationMarksAnswer,
        QuotesRequest,
        Quote,
        CurveRequest,
        CurvePoint,
        GridRequest,
        Grid,
        LegsRequest,
        Package,
        LargestRequest,
        LargestAnswer,
    );
    let mut text =
        format!("// Written by `{VARIABLE}=1 cargo test -p ballast-risk-wasm`. Do not edit.\n");
    for declaration in declarations.texts.values() {
        text.push('\n');
        text.push_str(declaration);
    }
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../app/src/engine/types.ts");
    if env::var_os(VARIABLE).is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    } else {
        let present = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            present == text,
            "{} is not current: set {VARIABLE}=1 and run this test again",
            file.display()
        );
    }
}
