//! A log with all its sides.

use foryou_types::Dictionary;

use crate::sink::{EventSink, ImportLedger};
use crate::source::EventSource;

/// A log with all its sides: for the place that opens it, and for what reads, writes and looks up names in one. Whoever
/// needs one side takes that: to read, an [`EventSource`].
///
/// * [`EventSource`]: events are read, by partition or all together.
/// * [`EventSink`]: events are appended.
/// * [`Dictionary`]: string ids and their numbers, from the events that name them.
/// * [`ImportLedger`]: the rows of sets that were imported, from the events that mark them.
pub trait EventLog: EventSource + EventSink + Dictionary + ImportLedger {}

impl<L: EventSource + EventSink + Dictionary + ImportLedger> EventLog for L {}
