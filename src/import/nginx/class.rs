//! The words of the report, from harmless to grave.

/// What becomes of a directive, from harmless to grave. Of two verdicts on one line the graver stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// It has no effect here, and needs none.
    Ignored,
    /// Weir does the same.
    Same,
    /// Weir does more than was asked.
    Better,
    /// Weir takes less than nginx does.
    Narrower,
    /// Weir takes more than nginx does.
    Wider,
    /// Weir does it in another way.
    Changed,
    /// Weir has nothing like it.
    Missing,
    /// It is wrong, or unsafe.
    Refused,
}

impl Class {
    /// All of them, the gravest first.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::Missing,
        Self::Changed,
        Self::Wider,
        Self::Narrower,
        Self::Better,
        Self::Same,
        Self::Ignored,
    ];

    /// Its word in reports.
    pub const fn word(self) -> &'static str {
        self.told().0
    }

    pub(super) const fn meaning(self) -> &'static str {
        self.told().1
    }

    const fn told(self) -> (&'static str, &'static str) {
        match self {
            Self::Ignored => ("ignored", "has no effect here, and needs none"),
            Self::Same => ("same", "Weir does the same"),
            Self::Better => ("better", "Weir does more than was asked"),
            Self::Narrower => ("narrower", "Weir takes less than nginx does"),
            Self::Wider => ("wider", "Weir takes more than nginx does"),
            Self::Changed => ("changed", "Weir does it in another way"),
            Self::Missing => ("missing", "Weir has nothing like it"),
            Self::Refused => ("refused", "it is wrong, or unsafe"),
        }
    }
}
