//! How fast the log takes and gives events.
//!
//! Corpus: actions of 100,000 users on 50,000 posts in batches of 5,000, from SplitMix64 with seed 1; a segment is 64 MiB.
//! `append/baseline` writes the same number of encoded bytes with plain `write_all`: what is above it is encoding, checksum,
//! partitions, duplicates and index. `append/plain` has events without ids (what an importer writes, with its progress),
//! `append/ids` gives each an id, so that every event is looked up in the index and put into it. `read/all` decodes every event;
//! `read/partition` reads one of four partitions and passes over the rest by their headers.

use std::fs::File;
use std::hint::black_box;
use std::io::Write;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use event_log::{
    ActionEvent, EmbeddedLog, Event, EventBody, EventSink, EventSource, ImportProgress, LogOptions, Origin, Topic,
    codec,
};
use foryou_types::{PostId, Rng, SplitMix64, TimeMs, UserId};

const BATCH: usize = 5_000;

fn batch(rng: &mut SplitMix64, n: u64, ids: bool) -> Vec<Event> {
    (0..BATCH)
        .map(|i| Event {
            at: TimeMs(1_700_000_000_000 + (n * 5_000 + i as u64).cast_signed()),
            id: ids.then(|| format!("event-{n}-{i}")),
            origin: Origin::Import,
            body: EventBody::Action(ActionEvent {
                user_id: UserId(rng.below(100_000) as u64 + 1),
                post_id: PostId(rng.next_u64() % 50_000 + 1),
                action: (rng.below(18)) as u8,
                ..ActionEvent::default()
            }),
        })
        .collect()
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("append");
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(60);

    let dir = tempfile::tempdir().expect("a temporary folder");
    let encoded: Vec<u8> = batch(&mut SplitMix64::new(1), 0, false)
        .into_iter()
        .flat_map(|event| [vec![0; 9], codec::to_bytes(event)].concat())
        .collect();
    let mut file = File::create(dir.path().join("baseline")).expect("a file");
    group.bench_function("baseline", |b| b.iter(|| file.write_all(black_box(&encoded))));

    for (name, ids) in [("plain", false), ("ids", true)] {
        let log = EmbeddedLog::open(&dir.path().join(name), LogOptions::default()).expect("a log");
        let mut rng = SplitMix64::new(1);
        let mut n = 0;
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    n += 1;
                    let mut events = batch(&mut rng, n, ids);
                    if !ids {
                        let progress = ImportProgress {
                            kind: "bench".to_owned(),
                            role: "actions".to_owned(),
                            first_row: n * BATCH as u64,
                            row_hashes: vec![7; BATCH],
                        };
                        events.push(Event { body: EventBody::ImportProgress(progress), ..events[0].clone() });
                    }
                    events
                },
                |events| log.append(events).expect("an append"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn read(c: &mut Criterion) {
    const BATCHES: usize = 100;
    let dir = tempfile::tempdir().expect("a temporary folder");
    let log = EmbeddedLog::open(dir.path(), LogOptions::default()).expect("a log");
    let mut rng = SplitMix64::new(1);
    for n in 0..BATCHES {
        log.append(batch(&mut rng, n as u64, false)).expect("an append");
    }
    let mut group = c.benchmark_group("read");
    group.throughput(Throughput::Elements((BATCHES * BATCH) as u64)).sample_size(10);
    group.bench_function("all", |b| {
        b.iter(|| {
            let mut events = 0;
            log.read_from(&event_log::Position::default(), &mut |records, _| {
                events += black_box(&records).len();
                true
            })
            .expect("a read");
            assert_eq!(events, BATCHES * BATCH);
        });
    });
    group.bench_function("partition", |b| {
        b.iter(|| {
            let mut events = 0u64;
            log.read_partition(Topic::Actions, 0, 0, &mut |record| {
                events += u64::from(black_box(record).partition == 0);
                true
            })
            .expect("a read");
            assert_eq!(events, log.end_offset(Topic::Actions, 0));
        });
    });
    group.finish();
}

criterion_group!(benches, append, read);
criterion_main!(benches);
