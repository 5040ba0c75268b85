//! `eject` of a `[[pool]]`: when failed requests make a node passive.

use crate::config::model::Eject;
use crate::config::text::section::Section;
use crate::config::values::statuses;

/// Reads the table. Without one all values are defaults.
pub(crate) fn read(pool: &Section<'_>) -> Eject {
    let written = pool.section("eject", "pool.eject");
    let section = written.unwrap_or_else(|| pool.empty("pool.eject"));
    let eject = Eject {
        failures: section.integer("failures"),
        within: section.duration("within"),
        first: section.duration("for"),
        most: section.duration("max-for"),
        statuses: section.parsed("statuses", statuses::failures).unwrap_or_default(),
        max_ejected: section.percent("max-ejected"),
    };
    check(&section, &eject);
    Eject { most: eject.most.max(eject.first), ..eject }
}

fn check(section: &Section<'_>, eject: &Eject) {
    let never = match () {
        () if eject.failures == 0 => Some(("failures", "failures = 0")),
        () if eject.first.is_zero() => Some(("for", "for = \"0s\"")),
        () => None,
    };
    if let Some((own, why)) = never {
        let all = ["failures", "within", "for", "max-for", "statuses", "max-ejected"];
        let others: Vec<&str> = all.into_iter().filter(|key| *key != own).collect();
        section.no_effect(&others, &format!("with {why}: nothing ejects"), "leave one of them out");
    } else if section.has("max-for") && eject.most < eject.first {
        let what = format!("max-for: {:?} is less than the first ejection lasts, {:?}", eject.most, eject.first);
        section.refuse("max-for", what, "write a longer max-for or a shorter for");
    }
}
