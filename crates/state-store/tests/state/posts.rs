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
