use event_log::{EventBody, PostEvent};
use foryou_types::{PostId, Profile, TimeMs, UserId};

use crate::support::{Folder, delete, event, ids, post, reply, repost};

#[test]
fn a_post_is_what_its_creation_said_and_the_first_creation_wins() {
    let first = PostEvent {
        post_id: PostId(1),
        author_id: UserId(9),
        text: Some("one".to_owned()),
        topics: vec![4, 2],
        ..PostEvent::default()
    };
    let again = PostEvent { post_id: PostId(1), author_id: UserId(8), ..PostEvent::default() };
    let folder = Folder::with(
        Profile::live(),
        vec![event(5, EventBody::Post(Box::new(first.clone()))), event(6, EventBody::Post(Box::new(again.clone())))],
    );
    let folder = folder.reopen();
    folder.put(vec![event(7, EventBody::Post(Box::new(again)))]);
    let stored = folder.state.post(PostId(1)).unwrap().unwrap();
    assert_eq!((&stored.post, stored.created_at, stored.deleted), (&first, TimeMs(5), false));
    assert_eq!(folder.state.post(PostId(2)).unwrap(), None);
    let both = folder.state.posts(&[PostId(2), PostId(1)]).unwrap();
    assert!(both[0].is_none() && both[1].as_deref() == Some(&*stored));
}

#[test]
fn a_delete_wins_in_any_order_and_is_seen_by_the_next_read() {
    let folder = Folder::with(Profile::live(), vec![post(1, 1, 9), delete(2, 2)]);
    assert!(!folder.state.post(PostId(1)).unwrap().unwrap().deleted); // now cached
    assert!(!folder.state.is_deleted(PostId(1)).unwrap());
    folder.put(vec![delete(3, 1), post(4, 2, 9), delete(5, 1)]);
    for (id, created_at) in [(1, 1), (2, 4)] {
        let stored = folder.state.post(PostId(id)).unwrap().unwrap();
        assert!(stored.deleted && stored.post.author_id == UserId(9), "{id}");
        assert_eq!(stored.created_at, TimeMs(created_at));
        assert!(folder.state.is_deleted(PostId(id)).unwrap());
    }
    assert!(!folder.state.is_deleted(PostId(3)).unwrap());
    let all = folder.state.most_popular(TimeMs(10), TimeMs(0), 10, &|_, _| false).unwrap();
    assert!(all.is_empty());
}

#[test]
fn a_delete_and_its_create_in_one_batch_leave_it_deleted() {
    let folder = Folder::with(Profile::live(), vec![delete(1, 1), post(2, 1, 9), post(3, 1, 9)]);
    assert!(folder.state.post(PostId(1)).unwrap().unwrap().deleted);
    let folder = Folder::with(Profile::live(), vec![post(1, 1, 9), delete(2, 1), post(3, 1, 9)]);
    assert!(folder.state.post(PostId(1)).unwrap().unwrap().deleted);
}

#[test]
fn ancestors_end_at_the_root_the_unknown_the_limit_and_a_cycle() {
    let folder = Folder::with(
        Profile::live(),
        vec![
            post(1, 1, 9),
            reply(2, 2, 9, 1),
            reply(3, 3, 9, 2),
            reply(4, 5, 9, 4), // 4 is not known
            reply(5, 6, 9, 7),
            reply(6, 7, 9, 6),
            repost(7, 8, 9, 3),
        ],
    );
    let above = |id, limit| ids(&folder.state.ancestors(PostId(id), limit).unwrap());
    assert_eq!(above(3, 10), [2, 1]);
    assert_eq!(above(3, 1), [2]);
    assert_eq!(above(1, 10), [0; 0]);
    assert_eq!(above(5, 10), [4]);
    assert_eq!(above(6, 10), [7]);
    assert_eq!(above(8, 10), [0; 0]);
}

#[test]
fn a_repost_of_a_repost_stands_for_the_first_original() {
    let folder = Folder::with(
        Profile::live(),
        vec![
            repost(1, 4, 9, 3), // before the posts it stands on
            repost(2, 3, 9, 2),
            repost(3, 2, 9, 1),
            post(4, 1, 9),
            repost(5, 5, 9, 77), // 77 is not known
            repost(6, 8, 9, 7),  // 6, 7 and 8 repost each other
            repost(7, 7, 9, 6),
            repost(8, 6, 9, 8),
            repost(9, 9, 9, 8),
        ],
    );
    let reposted = |id| ids(&folder.state.reposted(PostId(id)).unwrap());
    assert_eq!(reposted(4), [3, 2, 1]);
    assert_eq!(reposted(2), [1]);
    assert_eq!(reposted(1), [0; 0]);
    assert_eq!(reposted(5), [77]);
    assert_eq!(reposted(99), [0; 0]);
    for id in 6..=9 {
        assert_eq!(folder.state.original(PostId(id)).unwrap(), PostId(6), "{id}");
    }
    assert_eq!(folder.state.original(PostId(1)).unwrap(), PostId(1));
}

#[test]
fn a_conversation_is_the_one_given_else_the_end_of_the_thread_whatever_the_ids() {
    let in_conversation = |at, id, to, conversation| {
        let post = PostEvent {
            post_id: PostId(id),
            in_reply_to_post_id: PostId(to),
            conversation_id: PostId(conversation),
            ..PostEvent::default()
        };
        event(at, EventBody::Post(Box::new(post)))
    };
    let folder = Folder::with(
        Profile::live(),
        vec![
            post(1, 50, 9), // the first post of its thread, with the largest id
            reply(2, 7, 9, 50),
            reply(3, 30, 9, 7),
            reply(4, 31, 9, 30),
            repost(5, 32, 9, 31),
            reply(6, 33, 9, 32), // an answer to a repost
            reply(7, 34, 9, 88), // 88 is not known
            in_conversation(8, 40, 99, 60),
            reply(9, 41, 9, 40),
            reply(10, 20, 9, 21), // 20 and 21 answer each other
            reply(11, 21, 9, 20),
            reply(12, 22, 9, 21),
        ],
    );
    let conversation = |id| folder.state.conversation(PostId(id)).unwrap().0;
    for id in [50, 7, 30, 31, 32, 33] {
        assert_eq!(conversation(id), 50, "{id}");
    }
    assert_eq!((conversation(34), conversation(88)), (88, 88));
    assert_eq!((conversation(40), conversation(41)), (60, 60));
    assert_eq!([20, 21, 22].map(conversation), [20; 3]);
}
