//! Reading what users wrote, and telling them where it is wrong.

use std::{
    collections::HashMap,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader},
    path::Path,
};

use serde_json::value::RawValue;

/// What is wrong with the input, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputError {
    /// Line of the input, from 1; 0 when it concerns no single line.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.reason),
            line => write!(f, "line {line}: {}", self.reason),
        }
    }
}

impl std::error::Error for InputError {}

impl InputError {
    /// What `serde_json` has to say, without its own mention of the line.
    pub fn from_json(error: &serde_json::Error, line: usize) -> Self {
        let text = error.to_string();
        let reason = text.split(" at line ").next().unwrap_or(&text).to_owned();
        Self { line, reason }
    }

    /// Something about the value at `path` in a JSON text, such as `positions[2].size`.
    pub fn at(json: &str, path: &str, reason: impl fmt::Display) -> Self {
        Self {
            line: line_of(json, path),
            reason: format!("{path}: {reason}"),
        }
    }
}

/// Line on which the value at a path begins; that of its nearest parent when there is no such value.
fn line_of(json: &str, path: &str) -> usize {
    let line_at = |part: &str| {
        let offset = (part.as_ptr() as usize).saturating_sub(json.as_ptr() as usize);
        json[..offset.min(json.len())].matches('\n').count() + 1
    };
    let mut here = json.trim_start();
    for step in path.split(['.', '[']) {
        let next = match step.strip_suffix(']') {
            Some(index) => serde_json::from_str::<Vec<&RawValue>>(here)
                .ok()
                .and_then(|list| list.get(index.parse::<usize>().ok()?).copied()),
            None => serde_json::from_str::<HashMap<String, &RawValue>>(here)
                .ok()
                .and_then(|map| map.get(step).copied()),
        };
        match next {
            Some(value) => here = value.get(),
            None => break,
        }
    }
    line_at(here)
}

/// Opens a file, or standard input for `-`.
///
/// # Errors
/// Those of opening the file.
pub fn open(path: &Path) -> io::Result<Box<dyn BufRead>> {
    Ok(if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(BufReader::new(File::open(path)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_path() {
        let json = "{\n \"a\": 1,\n \"list\": [\n  {\"x\": 1},\n  {\"x\": 2,\n   \"y\": 3}\n ]\n}";
        assert_eq!(line_of(json, "a"), 2);
        assert_eq!(line_of(json, "list[0].x"), 4);
        assert_eq!(line_of(json, "list[1].y"), 6);
        // The nearest parent of what is missing.
        assert_eq!(line_of(json, "list[1].z"), 5);
        assert_eq!(line_of(json, "nothing"), 1);
    }
}
