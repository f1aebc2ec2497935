//! Prices set by hand.

use std::fmt;

/// The name of the control file in a localnet's folder.
pub const CONTROL_FILE: &str = "prices.control";

/// A change of one price.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// The ticker, such as `SOL`.
    pub ticker: String,
    /// What happens to it.
    pub action: Action,
}

/// What happens to a price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// It jumps to so many US dollars, and walks on from there.
    Set(f64),
    /// It is multiplied.
    Multiply(f64),
    /// Nothing more is published, so that it becomes stale.
    Halt,
    /// Publishing goes on.
    Resume,
}

impl Command {
    /// To so many US dollars.
    pub fn set(ticker: &str, dollars: f64) -> Self {
        Self::new(ticker, Action::Set(dollars))
    }

    /// By a factor.
    pub fn multiply(ticker: &str, factor: f64) -> Self {
        Self::new(ticker, Action::Multiply(factor))
    }

    /// Any action.
    pub fn new(ticker: &str, action: Action) -> Self {
        Self {
            ticker: ticker.to_owned(),
            action,
        }
    }

    /// Reads `SOL` and one of `120`, `x0.8`, `halt`, `resume`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(ticker: &str, action: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let number = text.parse::<f64>().ok();
            number.filter(|number| number.is_finite() && *number > 0.0)
        };
        let parsed = match action {
            "halt" => Some(Action::Halt),
            "resume" => Some(Action::Resume),
            _ => match action.strip_prefix(['x', '*']) {
                Some(factor) => number(factor).map(Action::Multiply),
                None => number(action).map(Action::Set),
            },
        };
        parsed.map(|action| Self::new(ticker, action)).ok_or_else(|| {
            format!("{action:?} is neither a price such as 120, nor a factor such as x0.8, nor halt, nor resume")
        })
    }
}

impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ticker, action } = self;
        match action {
            Action::Set(price) => write!(formatter, "{ticker} {price}"),
            Action::Multiply(factor) => write!(formatter, "{ticker} x{factor}"),
            Action::Halt => write!(formatter, "{ticker} halt"),
            Action::Resume => write!(formatter, "{ticker} resume"),
        }
    }
}

/// Reads commands, one a line. Empty lines and those that begin with `#` say nothing.
///
/// # Errors
/// What is wrong with the first line that is none.
pub fn parse_commands(text: &str) -> Result<Vec<Command>, String> {
    let lines = text.lines().map(str::trim).enumerate();
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|(index, line)| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let command = match words.as_slice() {
                [ticker, action] => Command::parse(ticker, action),
                _ => Err("a ticker and what happens to it are needed, such as `SOL x0.8`".into()),
            };
            command.map_err(|problem| format!("line {}: {problem}", index + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read_as_they_are_written() {
        let commands = vec![
            Command::set("SOL", 120.5),
            Command::multiply("BTC", 0.8),
            Command::new("ETH", Action::Halt),
            Command::new("ETH", Action::Resume),
        ];
        let lines: Vec<String> = commands.iter().map(ToString::to_string).collect();
        let text = format!("# a crash\n\n{}\n", lines.join("\n"));
        assert_eq!(parse_commands(&text), Ok(commands));
        for wrong in ["SOL", "SOL 1 2", "SOL -1", "SOL x", "SOL xinf", "SOL 0"] {
            let error = parse_commands(&format!("\n{wrong}")).unwrap_err();
            assert!(error.starts_with("line 2: "), "{error}");
        }
    }
}
