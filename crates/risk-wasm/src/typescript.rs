//! `app/src/engine/types.ts` follows the types of this crate.

use std::any::TypeId;
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

/// Declarations in the order in which they are met, what they refer to after them.
#[derive(Default)]
struct Declarations {
    met: Vec<TypeId>,
    text: String,
}

impl TypeVisitor for Declarations {
    fn visit<T: TS + 'static + ?Sized>(&mut self) {
        if self.met.contains(&TypeId::of::<T>()) {
            return;
        }
        self.met.push(TypeId::of::<T>());
        // Those of the language and of the library have none.
        if T::output_path().is_some() {
            self.text.push('\n');
            self.text.push_str(&T::docs().unwrap_or_default());
            self.text.push_str(&format!("export {}\n", T::decl()));
        }
        T::visit_dependencies(self);
        T::visit_generics(self);
    }
}

#[test]
fn the_types_of_the_frontend_are_current() {
    let mut declarations = Declarations {
        text: "// Written from crates/risk-wasm by `cargo xtask build wasm-types`. Do not edit.\n"
            .into(),
        ..Declarations::default()
    };
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
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../app/src/engine/types.ts");
    if env::var_os(VARIABLE).is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, declarations.text).unwrap();
    } else {
        let present = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            present == declarations.text,
            "{} is not current: set {VARIABLE}=1 and run this test again",
            file.display()
        );
    }
}
