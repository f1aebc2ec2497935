//! What commands print: tables for people, JSON for scripts.

use std::io::{self, Write};

use clap::ValueEnum;
use comfy_table::{CellAlignment, Table, TableComponent, presets};
use serde::Serialize;

use crate::failure::Failure;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables and sentences.
    #[default]
    Table,
    /// One JSON document; money and other amounts are decimal strings.
    Json,
}

/// What a command has found out.
pub trait Show: Serialize {
    /// For people.
    fn show(&self, page: &mut Page);
}

/// Text in the making.
#[derive(Default)]
pub struct Page(String);

impl Page {
    /// A sentence.
    pub fn line(&mut self, line: impl AsRef<str>) {
        self.0.push_str(line.as_ref());
        self.0.push('\n');
    }

    /// A table with the first so many columns on the left, the others on the right. Nothing when it has no rows.
    pub fn table(
        &mut self,
        heads: &[&str],
        words: usize,
        rows: impl IntoIterator<Item = Vec<String>>,
    ) {
        let mut table = Table::new();
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
        table.remove_style(TableComponent::HorizontalLines);
        table.remove_style(TableComponent::MiddleIntersections);
        table.set_header(heads);
        table.add_rows(rows);
        for (index, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, u16::from(index + 1 < heads.len())));
            if index >= words {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        if table.row_count() > 0 {
            for line in table.to_string().lines() {
                self.line(line.trim_end());
            }
        }
    }

    /// Names with their values, one a line.
    pub fn fields<N: AsRef<str>>(&mut self, fields: impl IntoIterator<Item = (N, String)>) {
        let fields: Vec<(N, String)> = fields.into_iter().collect();
        let width = fields.iter().map(|(name, _)| name.as_ref().len()).max();
        let width = width.unwrap_or(0);
        for (name, value) in fields {
            self.line(format!("{:width$}  {value}", name.as_ref()));
        }
    }
}

/// A result as text.
pub fn rendered(result: &impl Show, format: Format) -> Result<String, Failure> {
    match format {
        Format::Table => {
            let mut page = Page::default();
            result.show(&mut page);
            Ok(page.0)
        }
        Format::Json => {
            let json = serde_json::to_string_pretty(result).map_err(io::Error::from)?;
            Ok(json + "\n")
        }
    }
}

/// Prints a result.
pub fn print(result: &impl Show, format: Format) -> Result<(), Failure> {
    let text = rendered(result, format)?;
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()?;
    Ok(())
}

/// Tells why a command failed, on standard error, and gives the exit code.
pub fn tell(failure: &Failure, format: Format) -> u8 {
    if failure.is_silent {
        return 0;
    }
    // Nobody is left to be told when this fails.
    let _ = match format {
        Format::Table => writeln!(io::stderr(), "error: {}", failure.message()),
        Format::Json => writeln!(io::stderr(), "{}", failure.json()),
    };
    failure.kind as u8
}
