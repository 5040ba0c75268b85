//! Who has the least to do for its weight, in running requests or in time. Those with equally little take turns by
//! weight, as in nginx's least_conn. A node that is colder than others is not compared with them: idle as it is, it would
//! always win. It is drawn for its share of the requests, and taken unless it has more to do than the best.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::candidates::{Ask, Candidates, below, share, warmth};

/// Picks the node with the least load. Without a lock: threads that pick at once may take each other's turn.
#[derive(Debug)]
pub(super) struct Least {
    by: By,
    seats: Box<[Seat]>,
    /// The turn that was taken last. One that was missed is not caught up on.
    turn: AtomicU64,
}

/// What counts as a node's load.
#[derive(Debug)]
pub(super) enum By {
    /// The requests it runs.
    Requests,
    /// The time to its first byte, times the requests it would then run. An idle node of unknown time is tried first;
    /// while it is busy its time counts as this average, in microseconds, of those that the pick before knew.
    Time(AtomicU32),
}

#[derive(Debug)]
struct Seat {
    weight: u16,
    /// One every so often.
    round: u32,
    /// See [`inverse`].
    inverse: u64,
    /// When its next turn is. The first one is in the middle of its round, so that turns are spread.
    next: AtomicU64,
}

/// How often a weight of 1 has a turn: so rarely that a weight of 1000 is exact to a thousandth, so often that the turns
/// of a century fit.
const ROUND: u32 = 1 << 20;

impl Least {
    pub(super) fn new(weights: Box<[u16]>, by: By) -> Self {
        let seat = |weight: u16| {
            let round = ROUND / u32::from(weight);
            Seat { weight, round, inverse: inverse(weight), next: AtomicU64::new(u64::from(round / 2)) }
        };
        Self { by, seats: weights.iter().copied().map(seat).collect(), turn: AtomicU64::new(0) }
    }

    pub(super) fn pick<const TAKEN: bool>(&self, ask: Ask, among: &impl Candidates) -> Option<usize> {
        let look = self.look::<TAKEN>(among)?;
        if look.worst.warmth() < look.best.warmth()
            && let Some(cold) = self.cold(ask, look.best, among)
        {
            return Some(cold);
        }
        if TAKEN && look.tied {
            let seat = self.seats.get(look.index)?;
            seat.next.store(look.turn + u64::from(seat.round), Relaxed);
            self.turn.fetch_max(look.turn, Relaxed);
        }
        Some(look.index)
    }

    /// Goes on where `previous` is: `before` tells which index a node had there.
    pub(super) fn handover(&self, previous: &Self, before: impl Fn(usize) -> Option<usize>) {
        if let (By::Time(mine), By::Time(theirs)) = (&self.by, &previous.by) {
            mine.store(theirs.load(Relaxed), Relaxed);
        }
        let turn = previous.turn.load(Relaxed);
        for (index, seat) in self.seats.iter().enumerate() {
            let had = before(index).and_then(|place| previous.seats.get(place)).filter(|had| had.weight == seat.weight);
            if let Some(had) = had {
                seat.next.store(had.next.load(Relaxed).saturating_sub(turn), Relaxed);
            }
        }
    }

    fn look<const TAKEN: bool>(&self, among: &impl Candidates) -> Option<Look> {
        let By::Time(average) = &self.by else {
            return self.compare(among, |index| requests(index, among), |load| load);
        };
        let (stand_in, mut sum, mut known) = (average.load(Relaxed), 0, 0);
        let load = |index| {
            let (load, latency) = time(index, stand_in, among);
            sum += u64::from(latency);
            known += u64::from(latency != 0);
            load
        };
        let look = self.compare(among, load, roughly);
        if TAKEN && known > 0 {
            average.store((sum / known) as u32, Relaxed);
        }
        look
    }

    fn compare(
        &self,
        among: &impl Candidates,
        mut load: impl FnMut(usize) -> u64,
        told_apart: impl Fn(u64) -> u64,
    ) -> Option<Look> {
        let taken = self.turn.load(Relaxed);
        let mut look = Look { best: Rank::NOBODY, worst: Rank(0), index: 0, turn: 0, tied: false };
        for (index, seat) in self.seats.iter().enumerate() {
            let Some(warmth) = warmth(among, index) else { continue };
            let rank = Rank::new(warmth, told_apart(per_weight(load(index), seat.inverse)));
            look.worst = look.worst.max(rank);
            if rank > look.best {
                continue;
            }
            let turn = seat.next.load(Relaxed).max(taken);
            if rank < look.best {
                look = Look { best: rank, index, turn, tied: false, ..look };
                continue;
            }
            look.tied = true;
            if turn < look.turn {
                (look.index, look.turn) = (index, turn);
            }
        }
        (look.best != Rank::NOBODY).then_some(look)
    }

    /// A node that is colder than the best, where this request belongs to its share.
    fn cold(&self, ask: Ask, best: Rank, among: &impl Candidates) -> Option<usize> {
        let seen = |(index, seat): (usize, &Seat)| {
            warmth(among, index).map(|warmth| (index, warmth, u64::from(share(seat.weight, warmth))))
        };
        let all = || self.seats.iter().enumerate().filter_map(seen);
        let mut drawn = below(all().map(|(_, _, share)| share).sum(), ask.chance);
        for (index, warmth, share) in all().filter(|(_, warmth, _)| *warmth < best.warmth()) {
            let Some(left) = drawn.checked_sub(share) else {
                return self.is_no_busier(index, warmth, best, among).then_some(index);
            };
            drawn = left;
        }
        None
    }

    /// Than the best, for its warmth.
    fn is_no_busier(&self, index: usize, warmth: u16, best: Rank, among: &impl Candidates) -> bool {
        let load = match &self.by {
            By::Requests => requests(index, among),
            By::Time(average) => time(index, average.load(Relaxed), among).0,
        };
        let load = self.seats.get(index).map_or(u64::MAX, |seat| per_weight(load, seat.inverse));
        let (its, theirs) = (u128::from(load), u128::from(best.load()));
        among.in_flight(index) == 0 || its * u128::from(best.warmth()) <= theirs * u128::from(warmth)
    }
}

/// A request is a load of 2⁸.
fn requests(index: usize, among: &impl Candidates) -> u64 {
    u64::from(among.in_flight(index)) << 8
}

/// The load in microseconds, and the latency, if it is known.
fn time(index: usize, stand_in: u32, among: &impl Candidates) -> (u64, u32) {
    let (latency, in_flight) = (among.latency(index), among.in_flight(index));
    let unknown = if in_flight == 0 { 0 } else { stand_in };
    let expected = if latency == 0 { unknown } else { latency };
    (u64::from(expected) * (u64::from(in_flight) + 1), latency)
}

/// The heaviest load that is told from heavier ones: times a hundred seconds, ten thousand requests.
const HEAVIEST: u64 = (1 << 40) - 1;

/// 2⁶³ for the weight, to multiply by where a division would take too long. Rounded up, and the product down: so 3
/// requests for a weight of 3 are exactly as much as 1 for 1.
fn inverse(weight: u16) -> u64 {
    (1_u64 << 63).div_ceil(u64::from(weight))
}

/// A load for its weight, in fewer than 54 bits.
fn per_weight(load: u64, inverse: u64) -> u64 {
    ((u128::from(load.min(HEAVIEST) << 14) * u128::from(inverse)) >> 64) as u64
}

/// Times are measured, and never quite the same: those that agree in the first bit and three more are equal. Else
/// whoever happened to answer quickly had all requests until it was busy.
fn roughly(load: u64) -> u64 {
    u64::from((load as i64 as f32).to_bits() & u32::MAX << 20)
}

/// What one look at all nodes finds.
struct Look {
    best: Rank,
    worst: Rank,
    index: usize,
    turn: u64,
    tied: bool,
}

/// How cold a node is, and below that its load for its weight: the lowest is the best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank(u64);

/// Bits of the load.
const LOAD: u32 = 54;

impl Rank {
    /// Worse than that of any node.
    const NOBODY: Self = Self(u64::MAX);

    const fn new(warmth: u16, load: u64) -> Self {
        Self(1000_u64.saturating_sub(warmth as u64) << LOAD | load)
    }

    const fn warmth(self) -> u16 {
        1000_u64.saturating_sub(self.0 >> LOAD) as u16
    }

    const fn load(self) -> u64 {
        self.0 & ((1 << LOAD) - 1)
    }
}
