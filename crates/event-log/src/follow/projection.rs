//! Projections that keep their position together with what they computed.

use crate::error::LogError;
use crate::position::Position;
use crate::source::{EventSource, Record};

/// Events applied in one batch: enough that the cost per batch does not matter, few enough (a few MB) for memory.
const BATCH: usize = 8_192;

/// Something computed from all events of a log, stored together with the position up to which it was.
pub trait Projection {
    /// Why events cannot be applied.
    type Error: From<LogError>;

    /// Everything before this position is applied.
    fn position(&self) -> Position;

    /// Applies the next events, up to `position`: all of them, or none on an error.
    fn apply(&mut self, records: &[Record], position: &Position) -> Result<(), Self::Error>;
}

/// Applies the events that a projection lacks; `report` is told the position after each batch.
pub fn catch_up<P: Projection>(
    source: &dyn EventSource,
    projection: &mut P,
    report: &dyn Fn(&Position),
) -> Result<(), P::Error> {
    let mut waiting: Vec<Record> = Vec::new();
    let mut reached = projection.position();
    let mut failed = None;
    source.read_from(&reached.clone(), &mut |records, position| {
        waiting.extend(records);
        reached.clone_from(position);
        if waiting.len() >= BATCH {
            failed = projection.apply(&waiting, &reached).err();
            waiting.clear();
            report(&reached);
        }
        failed.is_none()
    })?;
    match failed {
        Some(error) => Err(error),
        None => projection.apply(&waiting, &reached),
    }
}
