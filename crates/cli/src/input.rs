//! Reading what users wrote, and telling them where it is wrong.

use std::{
    collections::HashSet,
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read as _},
    ops::RangeInclusive,
    path::Path,
};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
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

/// What was read, or what is wrong with it.
pub type Read<T> = Result<T, InputError>;

/// A value in a JSON text, which knows where it stands.
#[derive(Clone)]
pub struct Node<'a> {
    text: &'a str,
    /// Line of the input on which the text begins.
    first_line: usize,
    raw: &'a RawValue,
    /// Such as `positions[2].size`; empty for the whole text.
    path: String,
}

impl<'a> Node<'a> {
    /// A whole JSON text, which begins on the given line of the input.
    ///
    /// # Errors
    /// Where it is not JSON.
    pub fn parse(text: &'a str, first_line: usize) -> Read<Self> {
        match serde_json::from_str(text) {
            Ok(raw) => Ok(Self {
                text,
                first_line,
                raw,
                path: String::new(),
            }),
            Err(error) => {
                let message = error.to_string();
                let what = message.split(" at line ").next().unwrap_or(&message);
                let reason = match text.trim() {
                    "" => "is empty".to_owned(),
                    _ => format!("is not JSON: {what} at column {}", error.column()),
                };
                Err(InputError {
                    line: first_line + error.line().saturating_sub(1),
                    reason,
                })
            }
        }
    }

    fn child(&self, path: String, raw: &'a RawValue) -> Self {
        Self { raw, path, ..*self }
    }

    /// Something about this value.
    pub fn error(&self, reason: impl fmt::Display) -> InputError {
        let offset = self.raw.get().as_ptr() as usize - self.text.as_ptr() as usize;
        InputError {
            line: self.first_line + line_breaks(&self.text.as_bytes()[..offset]),
            reason: match self.path.as_str() {
                "" => reason.to_string(),
                path => format!("{path}: {reason}"),
            },
        }
    }

    /// Says what it must be, and what it is.
    pub fn mismatch(&self, wanted: impl fmt::Display) -> InputError {
        self.error(format!("must be {wanted}, is {}", shown(self.raw.get())))
    }

    /// A number.
    ///
    /// # Errors
    /// When it is none, or out of range.
    pub fn number(&self, range: RangeInclusive<f64>) -> Read<f64> {
        // No other JSON value reads as one.
        match self.raw.get().parse::<f64>() {
            // Without the sign of a negative zero.
            Ok(x) if range.contains(&x) => Ok(x + 0.0),
            _ => Err(self.mismatch(format_args!("a number {}", from_to(&range)))),
        }
    }

    /// A whole number.
    ///
    /// # Errors
    /// When it is none, or out of range.
    pub fn whole(&self, range: RangeInclusive<u64>) -> Read<u64> {
        let wanted = *range.start() as f64..=*range.end() as f64;
        match self.number(wanted.clone()) {
            Ok(x) if x.fract() == 0.0 => Ok(x as u64),
            _ => Err(self.mismatch(format_args!("a whole number {}", from_to(&wanted)))),
        }
    }

    /// A ticker.
    ///
    /// # Errors
    /// When it is none.
    pub fn name(&self) -> Read<String> {
        let name = serde_json::from_str::<String>(self.raw.get()).ok();
        name.filter(|name| {
            (1..=16).contains(&name.len()) && name.bytes().all(|c| c.is_ascii_graphic())
        })
        .ok_or_else(|| self.mismatch("a name of 1 to 16 ASCII characters without spaces"))
    }

    /// One of several words.
    ///
    /// # Errors
    /// When it is none of them.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Read<T> {
        let word = serde_json::from_str::<String>(self.raw.get()).unwrap_or_default();
        match choices.iter().find(|(name, _)| *name == word) {
            Some((_, choice)) => Ok(*choice),
            None => {
                let names: Vec<String> = choices
                    .iter()
                    .map(|(name, _)| format!("\"{name}\""))
                    .collect();
                Err(self.mismatch(format_args!("one of {}", names.join(", "))))
            }
        }
    }

    /// The values of a list.
    ///
    /// # Errors
    /// When it is none.
    pub fn list(&self) -> Read<Vec<Self>> {
        let values: Vec<&RawValue> =
            serde_json::from_str(self.raw.get()).map_err(|_| self.mismatch("a list"))?;
        let numbered = values.into_iter().enumerate();
        let nodes = numbered.map(|(index, raw)| self.child(format!("{}[{index}]", self.path), raw));
        Ok(nodes.collect())
    }

    /// Names and values of an object, in their order.
    ///
    /// # Errors
    /// When it is none, or a name is there twice.
    pub fn entries(&self) -> Read<Vec<(String, Self)>> {
        let Entries(entries) =
            serde_json::from_str(self.raw.get()).map_err(|_| self.mismatch("an object"))?;
        let mut nodes = Vec::new();
        let mut names = HashSet::new();
        for (name, raw) in entries {
            let path = match self.path.as_str() {
                "" => shown(&name),
                parent => format!("{parent}.{}", shown(&name)),
            };
            let node = self.child(path, raw);
            if !names.insert(name.clone()) {
                return Err(node.error("is there twice"));
            }
            nodes.push((name, node));
        }
        Ok(nodes)
    }

    /// Reads an object field by field; a field that was not asked for is an error.
    ///
    /// # Errors
    /// When it is no object, those of `read`, and unknown fields.
    pub fn object<T>(&self, read: impl FnOnce(&mut Fields<'a>) -> Read<T>) -> Read<T> {
        let mut fields = Fields {
            object: self.clone(),
            rest: self.entries()?,
            known: Vec::new(),
        };
        let value = read(&mut fields)?;
        match fields.rest.first() {
            None => Ok(value),
            Some((_, node)) => {
                let known = fields.known.join(", ");
                Err(node.error(format!("is no field here; there are {known}")))
            }
        }
    }
}

/// The fields of an object that were not asked for yet.
pub struct Fields<'a> {
    object: Node<'a>,
    rest: Vec<(String, Node<'a>)>,
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Something about the whole object.
    pub fn error(&self, reason: impl fmt::Display) -> InputError {
        self.object.error(reason)
    }

    /// A field that may be missing.
    pub fn optional(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.known.push(name);
        let index = self.rest.iter().position(|(known, _)| known == name)?;
        Some(self.rest.remove(index).1)
    }

    /// A field.
    ///
    /// # Errors
    /// When it is missing.
    pub fn required(&mut self, name: &'static str) -> Read<Node<'a>> {
        self.optional(name)
            .ok_or_else(|| self.error(format!("`{name}` is missing")))
    }

    /// A number that must be there.
    ///
    /// # Errors
    /// When it is missing or wrong.
    pub fn number(&mut self, name: &'static str, range: RangeInclusive<f64>) -> Read<f64> {
        self.required(name)?.number(range)
    }

    /// A number that is 0 when it is missing.
    ///
    /// # Errors
    /// When it is wrong.
    pub fn number_or_0(&mut self, name: &'static str, range: RangeInclusive<f64>) -> Read<f64> {
        self.optional(name)
            .map_or(Ok(0.0), |node| node.number(range))
    }

    /// The values of a list; none when it is missing.
    ///
    /// # Errors
    /// When it is no list.
    pub fn list(&mut self, name: &'static str) -> Read<Vec<Node<'a>>> {
        self.optional(name)
            .map_or(Ok(Vec::new()), |node| node.list())
    }
}

/// Every entry of an object, also those that are there twice.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

/// What somebody wrote, short and harmless on a terminal.
fn shown(text: &str) -> String {
    const LENGTH: usize = 40;
    let mut short: String = text
        .chars()
        .take(LENGTH)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(LENGTH).is_some() {
        short.push('…');
    }
    short
}

/// A number as people write it: to twelve digits, huge and tiny ones with an exponent.
pub fn plain(x: f64) -> String {
    let rounded = format!("{x:.11e}").parse().unwrap_or(x);
    match rounded.abs() {
        size if size != 0.0 && !(1e-4..1e12).contains(&size) => format!("{rounded:e}"),
        _ => rounded.to_string(),
    }
}

/// A range in words.
pub fn from_to(range: &RangeInclusive<f64>) -> String {
    format!("from {} to {}", plain(*range.start()), plain(*range.end()))
}

fn line_breaks(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// A file or standard input.
pub struct Source {
    name: String,
    reader: BufReader<Box<dyn io::Read>>,
    /// Lines read so far.
    pub line: usize,
}

/// Why something could not be read.
pub enum ReadError {
    /// The file or the disk.
    Io(io::Error),
    /// What is in it.
    Input(InputError),
}

impl Source {
    /// Opens a file, or standard input for `-`.
    ///
    /// # Errors
    /// Those of opening the file.
    pub fn open(path: &Path) -> io::Result<Self> {
        let (name, opened): (_, io::Result<Box<dyn io::Read>>) = if path.as_os_str() == "-" {
            ("standard input".to_owned(), Ok(Box::new(io::stdin())))
        } else {
            (
                path.display().to_string(),
                File::open(path).map(|file| Box::new(file) as _),
            )
        };
        match opened {
            Ok(reader) => Ok(Self {
                name,
                reader: BufReader::new(reader),
                line: 0,
            }),
            Err(error) => Err(about(&name, &error)),
        }
    }

    /// Whether the next line may have to be waited for.
    pub fn may_wait(&self) -> bool {
        !self.reader.buffer().contains(&b'\n')
    }

    /// The next line, without its end; nothing at the end of the input.
    ///
    /// # Errors
    /// When it cannot be read or is not UTF-8.
    pub fn next_line(&mut self) -> Result<Option<String>, ReadError> {
        let mut bytes = Vec::new();
        let read = self.reader.read_until(b'\n', &mut bytes);
        self.line += 1;
        if bytes.ends_with(b"\n") {
            bytes.pop();
        }
        match read {
            Err(error) => Err(ReadError::Io(about(&self.name, &error))),
            Ok(0) => Ok(None),
            Ok(_) => utf8(bytes, self.line).map(Some).map_err(ReadError::Input),
        }
    }

    /// All that is left.
    ///
    /// # Errors
    /// When it cannot be read or is not UTF-8.
    pub fn read_all(mut self) -> Result<String, ReadError> {
        let mut bytes = Vec::new();
        match self.reader.read_to_end(&mut bytes) {
            Err(error) => Err(ReadError::Io(about(&self.name, &error))),
            Ok(_) => utf8(bytes, 1).map_err(ReadError::Input),
        }
    }
}

fn about(name: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{name}: {error}"))
}

/// Text that begins on the given line; without the mark that some editors put before the first.
fn utf8(bytes: Vec<u8>, first_line: usize) -> Read<String> {
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        InputError {
            line: first_line + line_breaks(valid),
            reason: "is not UTF-8 text".to_owned(),
        }
    })?;
    if first_line == 1 && text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_line_and_its_path() {
        let json =
            "\n{\n \"a\": 1,\n \"list\": [\n  {\"x\": 1},\n  {\"x\": 2,\n   \"y.z\": 3}\n ]\n}";
        let root = Node::parse(json, 10).unwrap();
        let place = |node: &Node| node.error("").to_string();
        assert_eq!(place(&root), "line 11: ");
        let entries = root.entries().unwrap();
        assert_eq!(place(&entries[0].1), "line 12: a: ");
        let list = entries[1].1.list().unwrap();
        assert_eq!(place(&list[1]), "line 15: list[1]: ");
        assert_eq!(
            place(&list[1].entries().unwrap()[1].1),
            "line 16: list[1].y.z: "
        );
    }

    #[test]
    fn numbers_are_numbers_in_their_range() {
        let number = |json| Node::parse(json, 1).unwrap().number(-1.0..=10.0).ok();
        assert_eq!(number("2.5"), Some(2.5));
        assert_eq!(number("-0").map(f64::to_bits), Some(0));
        for wrong in [
            "1e400", "-1e400", "10.1", "null", "\"1\"", "[1]", "true", "{}",
        ] {
            assert_eq!(number(wrong), None, "{wrong}");
        }
        let whole = |json| Node::parse(json, 1).unwrap().whole(1..=10).ok();
        assert_eq!(
            (whole("1e1"), whole("2.0"), whole("2.5"), whole("0")),
            (Some(10), Some(2), None, None)
        );
    }
}
