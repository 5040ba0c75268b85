//! The rounds of one workload: every column in each round, in an order that turns, so that what disturbs the machine for
//! a while disturbs all of them. Ratios are made within a round, and the median of them counts.

use std::io::Write;

use crate::columns::{Column, Kind};
use crate::figures::Figures;
use crate::interrupt;
use crate::options::Options;
use crate::origins::Origins;
use crate::proxies::{Running, Shape};
use crate::result::Result;
use crate::stats::median;
use crate::testbed::Testbed;
use crate::workloads::{Round, Workload};

/// All that was measured of one workload.
pub(crate) struct WorkloadResult {
    /// Which.
    pub(crate) workload: Workload,
    /// By column, in the order of the options.
    pub(crate) columns: Vec<ColumnResult>,
}

/// What one column gave.
pub(crate) struct ColumnResult {
    /// Its column.
    pub(crate) column: Column,
    /// Round by round; `None` where it failed.
    pub(crate) rounds: Vec<Option<Figures>>,
    /// Why it failed, each time.
    pub(crate) failures: Vec<String>,
}

/// How a column's figure stands to nginx's.
#[derive(Clone, Copy)]
pub(crate) struct Ratio {
    /// The median of the rounds' ratios.
    pub(crate) median: f64,
    /// The least and the greatest of them.
    pub(crate) least: f64,
    pub(crate) greatest: f64,
}

impl WorkloadResult {
    /// Starts all columns, measures, and ends them. A column that does not start ends the run: without it there is
    /// nothing to compare. A round with errors is noted.
    pub(crate) fn of(workload: &Workload, options: &Options, testbed: &Testbed, origins: &Origins) -> Result<Self> {
        let round = Round { seconds: options.seconds, sessions: options.sessions };
        let mut measured = Self { workload: *workload, columns: Vec::new() };
        let mut all = Vec::new();
        let part = options.columns.iter().enumerate().filter(|(_, column)| takes_part(column, workload));
        for (place, column) in part {
            let taken = ColumnResult { column: column.clone(), rounds: Vec::new(), failures: Vec::new() };
            let running = Running::start(column, place, workload.shape, testbed, origins);
            let running = running.map_err(|why| format!("{} {}: {why}", workload.name, column.name))?;
            all.push((measured.columns.len(), running));
            measured.columns.push(taken);
        }
        for number in 0..options.rounds {
            print_progress(&format!("\r{}: round {} of {} ", workload.name, number + 1, options.rounds));
            if let Some(turned) = all.len().checked_sub(1) {
                all.rotate_left(number.min(1).min(turned));
            }
            for (place, running) in &mut all {
                if interrupt::requested() {
                    return Err("interrupted".to_owned());
                }
                let outcome = (workload.sample)(running, &round);
                measured.columns[*place].take(number, outcome);
            }
        }
        print_progress("\r");
        Ok(measured)
    }

    /// Names of figures, in order.
    pub(crate) fn figures(&self) -> Vec<&'static str> {
        let mut names = Vec::new();
        let rounds = self.columns.iter().flat_map(|taken| taken.rounds.iter().flatten());
        for (name, _) in rounds.flat_map(Figures::iter) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// How a column stands to nginx with the same logging.
    pub(crate) fn ratio(&self, taken: &ColumnResult) -> Option<Ratio> {
        let nginx =
            |other: &&ColumnResult| other.column.kind == Kind::Nginx && other.column.logged == taken.column.logged;
        let nginx = self.columns.iter().find(nginx)?;
        let pairs = taken.rounds.iter().zip(&nginx.rounds);
        let ratios = pairs
            .filter_map(|(mine, theirs)| {
                Some(mine.as_ref()?.of(self.workload.by)? / theirs.as_ref()?.of(self.workload.by)?)
            })
            .filter(|ratio| ratio.is_finite())
            .collect::<Vec<_>>();
        let least = ratios.iter().copied().reduce(f64::min)?;
        let greatest = ratios.iter().copied().reduce(f64::max)?;
        Some(Ratio { median: median(&ratios)?, least, greatest })
    }

    /// What failed, one line each.
    pub(crate) fn failures(&self) -> impl Iterator<Item = String> {
        let lines = |taken: &ColumnResult| {
            let name = format!("{} {}", self.workload.name, taken.column.name);
            taken.failures.iter().map(|why| format!("{name}: {why}")).collect::<Vec<_>>()
        };
        self.columns.iter().flat_map(lines).collect::<Vec<_>>().into_iter()
    }
}

impl ColumnResult {
    /// The median of a figure over the rounds.
    pub(crate) fn median(&self, name: &str) -> Option<f64> {
        median(&self.rounds.iter().flatten().filter_map(|figures| figures.of(name)).collect::<Vec<_>>())
    }

    fn take(&mut self, number: usize, outcome: Result<Figures>) {
        match outcome {
            Ok(figures) => self.rounds.push(Some(figures)),
            Err(why) => {
                print_progress(&format!("\r! {} round {}: {why}\n", self.column.name, number + 1));
                self.rounds.push(None);
                self.failures.push(format!("round {}: {why}", number + 1));
            }
        }
    }
}

fn takes_part(column: &Column, workload: &Workload) -> bool {
    let has_floor = workload.floor || column.kind != Kind::Origin;
    // The open nginx learns no sessions.
    let can_share = workload.shape != Shape::Two || column.kind != Kind::Nginx;
    has_floor && can_share && (workload.logged || !column.logged)
}

fn print_progress(text: &str) {
    eprint!("{text}");
    let _ = std::io::stderr().flush();
}
