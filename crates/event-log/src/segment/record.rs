//! A record in a frame: a header of 6 to 40 bytes, then the stored body.
//!
//! ```text
//! u8      topic (bits 0-2), origin (3-4), has an event id (5); bits 6-7 are 0
//! varint  partition
//! varint  offset
//! varint  time, zigzag, less the time of the record before it in the frame (0 for the first)
//! u8      schema version of the body
//! varint  length of the body, then the body
//! ```

use foryou_types::TimeMs;

use crate::codec::{self, CodecError};
use crate::event::{Event, Origin, Topic};
use crate::varint;

/// Fewest bytes of a record: what bounds the number of records in a payload.
pub(crate) const MIN_BYTES: usize = 6;

const HAS_ID: u8 = 1 << 5;

/// A record whose body is not decoded yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader<'a> {
    pub(crate) topic: Topic,
    pub(crate) partition: u16,
    pub(crate) offset: u64,
    pub(crate) at: TimeMs,
    pub(crate) origin: Origin,
    pub(crate) has_id: bool,
    pub(crate) version: u8,
    pub(crate) body: &'a [u8],
}

impl RecordHeader<'_> {
    pub(crate) fn decode(&self) -> Result<Event, CodecError> {
        codec::decode(self.version, self.at, self.origin, self.body)
    }
}

/// Appends a record in the current schema version. `previous` is the time of the record before it in the frame.
pub(crate) fn put(out: &mut Vec<u8>, event: Event, topic: Topic, partition: u16, offset: u64, previous: TimeMs) {
    let origin = match event.origin {
        Origin::Live => 0,
        Origin::Import => 1,
        Origin::Server => 2,
    };
    out.push(topic as u8 | origin << 3 | if event.id.is_some() { HAS_ID } else { 0 });
    varint::put(out, partition.into());
    varint::put(out, offset);
    varint::put(out, varint::zigzag(event.at.0.wrapping_sub(previous.0)));
    out.push(codec::VERSION);
    codec::encode_with_length(event, out);
}

/// The records of a payload, in order; ends after the first that cannot be read.
#[derive(Clone, Debug)]
pub(crate) struct Records<'a> {
    rest: &'a [u8],
    left: u32,
    previous: i64,
}

impl<'a> Records<'a> {
    pub(crate) const fn new(payload: &'a [u8], count: u32) -> Self {
        Self { rest: payload, left: count, previous: 0 }
    }

    fn take(&mut self) -> Option<RecordHeader<'a>> {
        let (&flags, rest) = self.rest.split_first()?;
        let topic = *Topic::ALL.get(usize::from(flags & 7))?;
        let origin = *[Origin::Live, Origin::Import, Origin::Server].get(usize::from(flags >> 3 & 3))?;
        if flags >> 6 != 0 {
            return None;
        }
        let mut rest = rest;
        let partition = u16::try_from(varint::take(&mut rest)?).ok()?;
        let offset = varint::take(&mut rest)?;
        let at = self.previous.wrapping_add(varint::unzigzag(varint::take(&mut rest)?));
        let (&version, mut rest) = rest.split_first()?;
        let length = usize::try_from(varint::take(&mut rest)?).ok()?;
        let (body, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        self.previous = at;
        let has_id = flags & HAS_ID != 0;
        Some(RecordHeader { topic, partition, offset, at: TimeMs(at), origin, has_id, version, body })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordHeader<'a>, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            let extra = std::mem::take(&mut self.rest).len();
            return (extra > 0).then(|| Err(format!("{extra} bytes after the last record")));
        }
        self.left -= 1;
        let record = self.take();
        if record.is_none() {
            self.left = 0;
            self.rest = &[];
        }
        Some(record.ok_or_else(|| "a record cannot be read".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use foryou_types::{PostId, UserId};

    use super::*;
    use crate::event::{ActionEvent, EventBody};

    fn action(at: i64) -> Event {
        Event {
            at: TimeMs(at),
            id: None,
            origin: Origin::Import,
            body: EventBody::Action(ActionEvent {
                user_id: UserId(0x1234_5678_9abc_def0),
                post_id: PostId(u64::MAX),
                action: 7,
                ..ActionEvent::default()
            }),
        }
    }

    #[test]
    fn an_action_takes_less_than_forty_bytes() {
        let mut out = Vec::new();
        put(&mut out, action(1_700_000_000_000), Topic::Actions, 3, 5_000_000, TimeMs(1_699_999_970_000));
        assert!(out.len() <= 40, "{} bytes", out.len());
    }

    #[test]
    fn records_come_back_in_order_and_garbage_is_an_error() {
        let mut out = Vec::new();
        let times = [5, i64::MIN, i64::MAX, 0];
        let mut previous = TimeMs(0);
        for (offset, at) in times.into_iter().enumerate() {
            put(&mut out, action(at), Topic::Actions, 3, offset as u64, previous);
            previous = TimeMs(at);
        }
        let records: Vec<_> = Records::new(&out, 4).map(Result::unwrap).collect();
        assert_eq!(records.iter().map(|r| r.at.0).collect::<Vec<_>>(), times);
        assert_eq!(records[2].decode().unwrap(), action(i64::MAX));
        assert_eq!(records[3].offset, 3);

        assert!(Records::new(&out, 3).last().unwrap().is_err(), "bytes are left over");
        assert!(Records::new(&out, 5).last().unwrap().is_err(), "a record is missing");
        assert_eq!(Records::new(&out[..out.len() - 1], 4).flatten().count(), 3);
        out[0] |= 0x80;
        assert!(Records::new(&out, 4).next().unwrap().is_err(), "a reserved bit");
    }
}
