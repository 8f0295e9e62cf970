//! The messages are the documents': names, types and numbers of every field are pinned here.

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

use Type::{Bool, Int64, Message as Msg, String as Text, Uint32, Uint64};

fn file() -> FileDescriptorProto {
    let set = FileDescriptorSet::decode(foryou_proto::FILE_DESCRIPTOR_SET).unwrap();
    set.file.into_iter().find(|file| file.package() == "foryou.thunder.v1").unwrap()
}

fn fields(message: &str) -> Vec<(String, Type, bool, i32)> {
    let found: DescriptorProto = file().message_type.into_iter().find(|m| m.name() == message).unwrap();
    found.field.iter().map(|f| (f.name().to_owned(), f.r#type(), f.label() == Label::Repeated, f.number())).collect()
}

fn is_pinned(message: &str, expected: &[(&str, Type, bool, i32)]) {
    let expected: Vec<_> =
        expected.iter().map(|&(name, kind, repeated, n)| (name.to_owned(), kind, repeated, n)).collect();
    assert_eq!(fields(message), expected, "{message}");
}

#[test]
fn the_request_is_the_documents() {
    is_pinned(
        "GetInNetworkPostsRequest",
        &[
            ("user_id", Uint64, false, 1),
            ("following_user_ids", Uint64, true, 2),
            ("max_results", Uint32, false, 3),
            ("exclude_tweet_ids", Uint64, true, 4),
            ("algorithm", Text, false, 5),
            ("debug", Bool, false, 6),
            ("is_video_request", Bool, false, 7),
            ("now_ms", Int64, false, 100),
        ],
    );
}

#[test]
fn the_response_is_the_documents() {
    is_pinned(
        "GetInNetworkPostsResponse",
        &[
            ("posts", Msg, true, 1),
            ("partial", Bool, false, 100),
            ("warnings", Text, true, 101),
            ("stats", Msg, false, 102),
        ],
    );
}

#[test]
fn the_light_post_is_the_documents() {
    is_pinned(
        "LightPost",
        &[
            ("post_id", Int64, false, 1),
            ("author_id", Uint64, false, 2),
            ("created_at", Int64, false, 3),
            ("in_reply_to_post_id", Int64, false, 4),
            ("in_reply_to_user_id", Int64, false, 5),
            ("is_retweet", Bool, false, 6),
            ("is_reply", Bool, false, 7),
            ("source_post_id", Int64, false, 8),
            ("source_user_id", Int64, false, 9),
            ("has_video", Bool, false, 10),
            ("conversation_id", Int64, false, 11),
            ("created_at_ms", Int64, false, 100),
        ],
    );
}

#[test]
fn the_method_has_its_name() {
    let services = file().service;
    assert_eq!(services.len(), 1);
    assert_eq!(services[0].name(), "InNetworkPostsService");
    let methods: Vec<_> = services[0].method.iter().map(|method| method.name().to_owned()).collect();
    assert_eq!(methods, ["GetInNetworkPosts"]);
}
