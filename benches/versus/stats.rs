//! Medians and percentiles. Pure; an empty list has none.

/// The middle one, or the mean of the two middle ones.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.iter().copied().filter(|value| value.is_finite()).collect::<Vec<_>>();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    let lower = *sorted.get((sorted.len().max(1) - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

/// The smallest value that at least this share of all is not above; sorts the list.
pub(crate) fn percentile(values: &mut [u32], share: f64) -> Option<f64> {
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.sort_unstable();
    values.get(rank.max(1) - 1).copied().map(f64::from)
}
