//! The events and the log that everything in foryou is projected from.
//!
//! Start with [`Event`] (what can happen), then [`EventSource`] and [`EventSink`] (what a log promises) and [`Position`]. There are three logs:
//! [`EmbeddedLog`], one folder on disk, [`ReadOnlyLog`], the same folder while another process may write it, and [`MemoryLog`], for
//! tests and replays.
//!
//! # The folder of an embedded log
//!
//! ```text
//! log.toml                             format version, number of partitions, what the events mean; under a checksum
//! losses                               acknowledged events lost in power cuts, until `foryou doctor --repair` is run
//! synced                               how much of the log is known to be on the disk
//! lock                                 held by the process that has the log open, and its id
//! segments/00000000000000000000.log    the truth: batches, appended and never changed; named by the first event
//! segments/*.log.damaged-N             an incomplete end of a segment that was cut off, kept for a person to look at
//! index/                               derived, may be deleted at any time: event ids, names, import progress
//! ```
//!
//! # Why our own segment files and not a table of the storage engine
//!
//! The promise: after a power cut that cut or overwrote its tail, a log opens to a prefix of whole batches. fjall 3.1 cannot
//! promise that: its journal reader refuses to open on a checksum mismatch in the newest journal, the sequence number of a batch is
//! outside the checksum, and keyspaces flush independently of each other. An append-only log has no use for a sorted tree
//! either: reading it is a sequential scan. So the batches are in files of our own (`segment/`), each with a checksum that is
//! chained to the one before it. fjall holds what does need a sorted tree: the index (`index.rs`), which can be rebuilt.
//!
//! # Invariants
//!
//! * A batch is one frame of one segment; a frame is valid only as the successor of the frame before it.
//! * Readers never see bytes that could still be rolled back: the end is published after the write (and the index) succeeded.
//! * Only an unfinished batch at the end of the newest segment is ever cut off. Any other damage is an error that names the file,
//!   the byte and the events concerned, and changes nothing. A log that is shorter than it is known to have been is an error too.
//! * Readers ([`ReadOnlyLog`]) take no lock and change nothing.
//! * Whatever the index says can be computed from the segments; where the two disagree, the index is rebuilt.
//! * Stored events carry the version of their schema; every version ever written stays readable ([`codec`]).

mod batch;
pub mod codec;
mod embedded;
mod error;
mod event;
#[cfg(feature = "testing")]
mod faulty;
pub mod follow;
mod growth;
mod index;
mod json;
pub mod limits;
mod log;
mod meaning;
mod memory;
mod names;
mod now;
mod position;
mod segment;
mod sink;
mod source;
pub mod varint;

pub use batch::{MAX_KEY_BYTES, partition_of};
pub use embedded::{
    EmbeddedLog, Examination, FsyncPolicy, IndexCheck, LogOptions, ReadOnlyLog, Recovery, Repaired, check_index,
    examine, repair,
};
pub use error::{Damage, LogError};
pub use event::*;
#[cfg(feature = "testing")]
pub use faulty::FaultyLog;
pub use json::{
    COMMON_KEYS, DecodeError, EVENT_TYPES, EventDecoder, EventDraft, EventType, Form, Key, check_time, event_schemas,
    event_to_json, id_schema, read_time,
};
pub use log::EventLog;
pub use meaning::{Fit, Meaning};
pub use memory::MemoryLog;
pub use names::{NameAllocator, preferred_number};
pub use now::{ahead_of_now, made_now};
pub use position::{Position, StoredPosition};
pub use segment::storage::{Disk, SegmentFile, Storage, try_writing};
pub use sink::{AppendError, Appended, EventSink, ImportLedger, Refusal, Stored, append_storable};
pub use source::{EventSource, LogHead, Record};
