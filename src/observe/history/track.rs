//! The numbers of one subject: the last ten minutes by seconds, the last day by minutes, and the last minute as a whole.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::super::metrics::Counts;
use super::point::{Packed, Point};

/// How many seconds are kept.
pub(super) const SECONDS: usize = 600;

/// How many minutes are kept.
pub(super) const MINUTES: usize = 1_440;

/// The last minute is put together of parts, so that its percentiles can be told without keeping all times of each
/// second.
const PART: u64 = 5;
const PARTS: usize = 12;

/// What happened to one subject.
#[derive(Debug)]
pub(super) struct Track {
    /// What this second has had so far; `None` is nothing.
    pub(super) second: Option<Counts>,
    /// How many requests are being worked on now, as far as this second has told.
    pub(super) in_flight: u64,
    /// How many there were at the end of the last second.
    last_in_flight: u64,
    minute: Counts,
    parts: VecDeque<Counts>,
    seconds: VecDeque<Packed>,
    minutes: VecDeque<Packed>,
}

/// What happened to one subject, as one process tells it to the next.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HandedTrack {
    seconds: VecDeque<Packed>,
    minutes: VecDeque<Packed>,
    /// Of the minute that is not over, and of the parts of the last one, as [`Counts::words`].
    minute: Vec<u64>,
    parts: Vec<Vec<u64>>,
}

impl Track {
    pub(super) fn new() -> Self {
        Self {
            second: None,
            in_flight: 0,
            last_in_flight: 0,
            minute: Counts::default(),
            parts: VecDeque::with_capacity(PARTS),
            seconds: VecDeque::with_capacity(SECONDS),
            minutes: VecDeque::with_capacity(MINUTES),
        }
    }

    /// The second with this number is over; the first one is 0.
    pub(super) fn close(&mut self, number: u64) {
        let second = self.second.take();
        self.last_in_flight = std::mem::take(&mut self.in_flight);
        let point = second.as_ref().map_or_else(Point::default, Point::of);
        push(&mut self.seconds, SECONDS, Point { in_flight: self.last_in_flight, ..point }.into());
        if self.parts.is_empty() || number.is_multiple_of(PART) {
            push(&mut self.parts, PARTS, Counts::default());
        }
        if let Some(second) = &second {
            self.parts.iter_mut().next_back().into_iter().for_each(|part| part.add(second));
            self.minute.add(second);
        }
        if (number + 1).is_multiple_of(60) {
            let minute = std::mem::take(&mut self.minute);
            push(&mut self.minutes, MINUTES, Point { in_flight: self.last_in_flight, ..Point::of(&minute) }.into());
        }
    }

    pub(super) fn hand_over(&self) -> HandedTrack {
        HandedTrack {
            seconds: self.seconds.clone(),
            minutes: self.minutes.clone(),
            minute: self.minute.words(),
            parts: self.parts.iter().map(Counts::words).collect(),
        }
    }

    /// Goes on from what was before, of which the next second has this number. The last `own` seconds of this one come after it.
    pub(super) fn go_on_from(&mut self, handed: HandedTrack, number: u64, own: usize) {
        let HandedTrack { seconds, minutes, minute, parts } = handed;
        let (minute, parts) = (Counts::of_words(&minute), parts.iter().map(|part| Counts::of_words(part)).collect());
        let mut all = Self { minute, parts, seconds, minutes, ..Self::new() };
        let mut counted = Counts::default();
        self.parts.iter().for_each(|part| counted.add(part));
        for (second, number) in (1..=own).zip(number..) {
            // Where they are put together it does not matter in which of these few seconds they were.
            all.second = (second == own).then(|| std::mem::take(&mut counted));
            all.close(number);
        }
        for (point, own) in all.seconds.iter_mut().rev().zip(self.seconds.iter().rev().take(own)) {
            *point = *own;
        }
        all.last_in_flight = self.last_in_flight;
        *self = all;
    }

    /// The last minute, to be exact: its last 56 to 60 seconds.
    pub(super) fn last_minute(&self) -> Point {
        let mut sum = Counts::default();
        self.parts.iter().for_each(|part| sum.add(part));
        Point { in_flight: self.last_in_flight, ..Point::of(&sum) }
    }

    /// The last seconds, the oldest first.
    pub(super) fn seconds(&self, most: usize) -> Vec<Point> {
        newest(&self.seconds, most)
    }

    /// The last whole minutes, the oldest first.
    pub(super) fn minutes(&self, most: usize) -> Vec<Point> {
        newest(&self.minutes, most)
    }
}

/// How many seconds the parts of the last minute cover when `seconds` have passed.
pub(super) fn covered(seconds: u64) -> u64 {
    let open = seconds % PART;
    let whole = (seconds / PART).min(PARTS as u64 - u64::from(open > 0));
    whole * PART + open
}

fn newest(points: &VecDeque<Packed>, most: usize) -> Vec<Point> {
    points.iter().skip(points.len().saturating_sub(most)).map(|point| Point::from(*point)).collect()
}

fn push<T>(ring: &mut VecDeque<T>, most: usize, item: T) {
    while ring.len() >= most {
        ring.pop_front();
    }
    ring.push_back(item);
}
