//! What one round of one column gave, by name. The first figure of a workload is the one that ratios are made of.

/// Names of figures; their ends say their units.
pub(crate) const CPU: &str = "CPU µs";
pub(crate) const RATE: &str = "req/s";
pub(crate) const P50: &str = "p50 µs";
pub(crate) const P99: &str = "p99 µs";
pub(crate) const P999: &str = "p99.9 µs";
pub(crate) const MEMORY: &str = "memory KiB";
pub(crate) const ERRORS: &str = "errors";

/// Figures in the order in which they are shown; one that could not be had is not a number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures(Vec<(&'static str, f64)>);

impl Figures {
    /// Adds one, or says it anew.
    pub(crate) fn set(&mut self, name: &'static str, value: f64) {
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Adds one.
    pub(crate) fn with(mut self, name: &'static str, value: f64) -> Self {
        self.set(name, value);
        self
    }

    /// In order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, f64)> {
        self.0.iter().copied()
    }

    /// One by name.
    pub(crate) fn of(&self, name: &str) -> Option<f64> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }
}
