//! What was measured: texts in layers.

use std::{collections::BTreeSet, fmt};

/// Between the name and the value of a layer.
const BETWEEN: char = '|';

/// A member of every report, beside those that layers make.
const TOTAL: &str = "total";

/// A measurement: its layers, the outermost first, each as the text `name|value`.
///
/// Only what a whole crowd has in a layer is opened, and only then the next layer can be: what is most common goes first.
#[derive(Clone, Eq, PartialEq)]
pub struct Measurement(Vec<String>);

/// Layers that make no measurement.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidMeasurement {
    /// None at all, or more than any channel has.
    #[error(
        "a measurement has 1 to {} layers, not {found}",
        Measurement::LAYERS_MAX
    )]
    Count {
        /// How many.
        found: usize,
    },
    /// Name and value are too long together.
    #[error(
        "the name and the value of a layer have at most {} bytes together",
        Measurement::TEXT_BYTES_MAX
    )]
    Long,
    /// A name is empty, has the character between names and values, or is not for layers.
    #[error("the name of a layer is not empty, has no {BETWEEN} and is not {TOTAL}")]
    Name,
    /// A name or a value has control characters.
    #[error("the name and the value of a layer have no control characters")]
    Text,
    /// Two layers have one name: a report could show only one of them.
    #[error("two layers have the same name")]
    Twice,
}

impl Measurement {
    /// No channel has more layers.
    pub const LAYERS_MAX: usize = 16;

    /// Longer texts are found in no crowd, and a message has a bound.
    pub const TEXT_BYTES_MAX: usize = 256;

    /// A measurement of names and values, the outermost layer first.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(
        layers: impl IntoIterator<Item = (N, V)>,
    ) -> Result<Self, InvalidMeasurement> {
        let mut names = BTreeSet::new();
        let mut texts = Vec::new();
        for (name, value) in layers {
            let (name, value) = (name.as_ref(), value.as_ref());
            if name.is_empty() || name.contains(BETWEEN) || name == TOTAL {
                return Err(InvalidMeasurement::Name);
            }
            let text = format!("{name}{BETWEEN}{value}");
            if text.chars().any(char::is_control) {
                return Err(InvalidMeasurement::Text);
            }
            if text.len() > Self::TEXT_BYTES_MAX {
                return Err(InvalidMeasurement::Long);
            }
            if !names.insert(name.to_owned()) {
                return Err(InvalidMeasurement::Twice);
            }
            texts.push(text);
        }
        match texts.len() {
            1..=Self::LAYERS_MAX => Ok(Self(texts)),
            found => Err(InvalidMeasurement::Count { found }),
        }
    }

    /// Its texts, the outermost first.
    pub fn texts(&self) -> &[String] {
        &self.0
    }
}

/// Shows how many layers it has: what they say is the user's.
impl fmt::Debug for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Measurement")
            .field("layers", &self.0.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_become_texts_and_are_not_shown() {
        let measurement = Measurement::new([("metric", "Uptime"), ("note", "a|b")]).unwrap();

        assert_eq!(measurement.texts(), ["metric|Uptime", "note|a|b"]);
        assert_eq!(format!("{measurement:?}"), "Measurement { layers: 2, .. }");
    }

    #[test]
    fn what_is_no_measurement_is_refused() {
        use InvalidMeasurement::{Count, Long, Name, Text, Twice};

        let long = "x".repeat(Measurement::TEXT_BYTES_MAX - 1);
        for (layers, why) in [
            (vec![], Count { found: 0 }),
            (vec![("", "1")], Name),
            (vec![("a|b", "1")], Name),
            (vec![("total", "1")], Name),
            (vec![("a", "1\0")], Text),
            (vec![("a", "1"), ("a", "2")], Twice),
            (vec![("a", long.as_str())], Long),
        ] {
            assert_eq!(Measurement::new(layers), Err(why));
        }
        let many = (0..17).map(|number| (format!("n{number}"), ""));
        assert_eq!(Measurement::new(many), Err(Count { found: 17 }));
    }
}
