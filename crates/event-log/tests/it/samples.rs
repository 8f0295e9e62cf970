//! Events for tests: one of every kind with every field set, and streams of small ones.

use event_log::*;
use foryou_types::{Namespace, PostId, Surface, TimeMs, UserId};

/// An event of a person's action.
pub(crate) fn action(user: u64, post: u64, at: i64) -> Event {
    Event {
        at: TimeMs(at),
        id: None,
        origin: Origin::Live,
        body: EventBody::Action(ActionEvent {
            user_id: UserId(user),
            post_id: PostId(post),
            action: (post % 18) as u8,
            ..ActionEvent::default()
        }),
    }
}

/// The same event with an id.
pub(crate) fn with_id(id: impl Into<String>, event: Event) -> Event {
    Event { id: Some(id.into()), ..event }
}

pub(crate) fn imported(event: Event) -> Event {
    Event { origin: Origin::Import, ..event }
}

pub(crate) fn name(namespace: Namespace, id: u64, name: &str) -> Event {
    Event {
        at: TimeMs(9_999_999),
        id: None,
        origin: Origin::Import,
        body: EventBody::Name { namespace, id, name: name.to_owned() },
    }
}

pub(crate) fn progress(first_row: u64, row_hashes: Vec<u32>) -> Event {
    let progress = ImportProgress { kind: "kind".to_owned(), role: "role".to_owned(), first_row, row_hashes };
    Event { at: TimeMs(9_999_999), id: None, origin: Origin::Import, body: EventBody::ImportProgress(progress) }
}

/// One event of every kind, by name: the fixtures hold them.
pub(crate) fn every_kind() -> Vec<(&'static str, Event)> {
    let event = |body| Event { at: TimeMs(1_341_403_200_000), id: None, origin: Origin::Import, body };
    vec![
        (
            "post",
            with_id(
                "post-1",
                event(EventBody::Post(Box::new(PostEvent {
                    post_id: PostId(u64::MAX),
                    author_id: UserId(42),
                    text: Some("größer, 大きい\n\"quoted\"".to_owned()),
                    title: Some("A title".to_owned()),
                    language: Some("pt-BR".to_owned()),
                    country: Some("BR".to_owned()),
                    media: vec![
                        Media { kind: MediaKind::Photo, duration_ms: None },
                        Media { kind: MediaKind::Video, duration_ms: Some(61_000) },
                        Media { kind: MediaKind::Gif, duration_ms: Some(0) },
                    ],
                    in_reply_to_post_id: PostId(1),
                    in_reply_to_user_id: UserId(2),
                    conversation_id: PostId(3),
                    source_post_id: PostId(4),
                    source_user_id: UserId(5),
                    quoted_post_id: PostId(6),
                    quoted_user_id: UserId(7),
                    subscription_author_id: UserId(8),
                    topics: vec![0, 7, u32::MAX],
                }))),
            ),
        ),
        ("post_plain", event(EventBody::Post(Box::new(PostEvent { post_id: PostId(1), ..PostEvent::default() })))),
        ("delete", event(EventBody::Delete { post_id: PostId(1 << 63) })),
        (
            "edge_follow",
            event(EventBody::Edge(EdgeEvent {
                user_id: UserId(1),
                target_id: UserId(u64::MAX),
                kind: EdgeKind::Follow,
                added: true,
            })),
        ),
        (
            "edge_unsubscribe",
            event(EventBody::Edge(EdgeEvent {
                user_id: UserId(1),
                target_id: UserId(2),
                kind: EdgeKind::Subscribe,
                added: false,
            })),
        ),
        (
            "mute_keyword",
            event(EventBody::MuteKeyword { user_id: UserId(3), keyword: "spoiler alert".to_owned(), muted: true }),
        ),
        (
            "profile",
            event(EventBody::Profile(Box::new(ProfileEvent {
                user_id: UserId(4),
                screen_name: Some("someone".to_owned()),
                followers: Some(1 << 40),
                verified: Some(true),
                protected: Some(false),
                suspended: Some(false),
                country: Some("DE".to_owned()),
                language: Some("de".to_owned()),
                created_at: Some(TimeMs(-1)),
            }))),
        ),
        (
            "action",
            with_id(
                "action-1",
                event(EventBody::Action(ActionEvent {
                    user_id: UserId(5),
                    post_id: PostId(6),
                    action: 18,
                    dwell_ms: Some(u32::MAX),
                    surface: Surface::Video,
                    client_app: 3,
                    undo: true,
                })),
            ),
        ),
        (
            "impression",
            event(EventBody::Impression(ImpressionEvent {
                user_id: UserId(7),
                post_ids: vec![PostId(9), PostId(u64::MAX), PostId(10)],
                request_id: Some("r-1".to_owned()),
                surface: Surface::Home,
                client_app: 1,
            })),
        ),
        (
            "served",
            Event {
                origin: Origin::Server,
                ..event(EventBody::Served(ServedEvent {
                    request_id: "r-2".to_owned(),
                    user_id: UserId(8),
                    posts: vec![
                        ServedPost { post_id: PostId(11), position: 0, score: 0.1, source: "thunder".to_owned() },
                        ServedPost { post_id: PostId(12), position: 1, score: -2.5e-9, source: String::new() },
                    ],
                    model: Some("prior".to_owned()),
                }))
            },
        ),
        (
            "label_post",
            event(EventBody::Label(LabelEvent {
                target: LabelTarget::Post(PostId(13)),
                label: "spam".to_owned(),
                until: None,
            })),
        ),
        (
            "label_user",
            event(EventBody::Label(LabelEvent {
                target: LabelTarget::User(UserId(14)),
                label: "abuse".to_owned(),
                until: Some(TimeMs(1_400_000_000_000)),
            })),
        ),
        ("name", name(Namespace::Posts, 15, "N55528")),
        ("import_progress", progress(70_000, vec![0, 1, u32::MAX])),
    ]
}

/// Every record of a log, in order, after checking that the batches are dense.
pub(crate) fn all(log: &dyn EventLog) -> Vec<Record> {
    let mut records = Vec::new();
    log.read_from(&Position::default(), &mut |batch, position| {
        records.extend(batch);
        assert_eq!(records.len() as u64, position.events());
        true
    })
    .unwrap();
    for (seq, record) in records.iter().enumerate() {
        assert_eq!(record.seq, seq as u64);
    }
    records
}

/// The events of all records.
pub(crate) fn events(log: &dyn EventLog) -> Vec<Event> {
    all(log).into_iter().map(|record| record.event).collect()
}

/// Copies a folder; long runs of zeros stay holes (fjall's journals are mostly that).
pub(crate) fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    use std::io::{Seek, SeekFrom, Write};
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
            continue;
        }
        let bytes = std::fs::read(entry.path()).unwrap();
        let zeros = vec![0; 64 * 1024];
        let mut file = std::fs::File::create(target).unwrap();
        file.set_len(bytes.len() as u64).unwrap();
        for (i, block) in bytes.chunks(64 * 1024).enumerate() {
            if *block != zeros[..block.len()] {
                file.seek(SeekFrom::Start(i as u64 * 64 * 1024)).unwrap();
                file.write_all(block).unwrap();
            }
        }
    }
}

/// A temporary folder, in memory where the system has such: for tests that open hundreds of logs and would wait for the disk.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let in_memory = if memory.is_dir() { tempfile::tempdir_in(memory).ok() } else { None };
    in_memory.unwrap_or_else(|| tempfile::tempdir().unwrap())
}

/// The newest segment file of a log folder.
pub(crate) fn newest_segment(dir: &std::path::Path) -> std::path::PathBuf {
    let mut paths: Vec<_> = std::fs::read_dir(dir.join("segments")).unwrap().map(|e| e.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "log"));
    paths.sort();
    paths.pop().unwrap()
}
