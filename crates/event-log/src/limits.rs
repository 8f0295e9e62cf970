//! The longest strings and lists of an event: one table for REST, gRPC, files, importers, and the schema that describes them.
//!
//! Lengths of strings are counted in characters (Unicode scalar values), as JSON Schema counts them. Only new
//! events are checked: a stored event stays readable, however long it is.

use crate::event::{EventBody, ImpressionEvent, PostEvent, ProfileEvent, ServedEvent};

/// A string that stands for a user or a post. 256 characters are at most 1,024 bytes, the longest key of the log's index.
pub const ID: usize = 256;
/// The sender's own id of an event; an index key, as above.
pub const EVENT_ID: usize = 256;
/// The text of a post: the longest post of the platform that the documents describe. Filters read the texts of some 2,000
/// candidates for a feed.
pub const TEXT: usize = 25_000;
/// The title of a post.
pub const TITLE: usize = 1_000;
/// A language tag: what RFC 5646 (section 4.4.1) asks everyone to hold.
pub const LANGUAGE: usize = 35;
/// A country: two letters by ISO 3166-1, or its name if a data set has no code.
pub const COUNTRY: usize = 64;
/// The name of an account.
pub const SCREEN_NAME: usize = 100;
/// A muted keyword or phrase.
pub const KEYWORD: usize = 500;
/// A label.
pub const LABEL: usize = 500;
/// A request id.
pub const REQUEST_ID: usize = 128;
/// The name of a model version.
pub const MODEL: usize = 256;
/// The name of a source of posts.
pub const SOURCE: usize = 64;
/// Photos and videos of a post.
pub const MEDIA: usize = 32;
/// Topics of a post.
pub const TOPICS: usize = 64;
/// Posts that were shown or served together.
pub const POSTS: usize = 1_000;

/// The first key of an event whose value is too long, and what is wrong with it.
pub fn exceeded(body: &EventBody) -> Option<(&'static str, String)> {
    match body {
        EventBody::Post(post) => of_post(post),
        EventBody::MuteKeyword { keyword, .. } => text("keyword", keyword, KEYWORD),
        EventBody::Profile(profile) => of_profile(profile),
        EventBody::Impression(impression) => of_impression(impression),
        EventBody::Served(served) => of_served(served),
        EventBody::Label(label) => text("label", &label.label, LABEL),
        EventBody::Name { name, .. } => text("name", name, ID),
        EventBody::Delete { .. } | EventBody::Edge(_) | EventBody::Action(_) | EventBody::ImportProgress(_) => None,
    }
}

/// As [`exceeded`], of a post.
pub fn of_post(post: &PostEvent) -> Option<(&'static str, String)> {
    optional("text", post.text.as_deref(), TEXT)
        .or_else(|| optional("title", post.title.as_deref(), TITLE))
        .or_else(|| optional("language", post.language.as_deref(), LANGUAGE))
        .or_else(|| optional("country", post.country.as_deref(), COUNTRY))
        .or_else(|| list("media", post.media.len(), MEDIA))
        .or_else(|| list("topics", post.topics.len(), TOPICS))
}

fn of_profile(profile: &ProfileEvent) -> Option<(&'static str, String)> {
    optional("screen_name", profile.screen_name.as_deref(), SCREEN_NAME)
        .or_else(|| optional("country", profile.country.as_deref(), COUNTRY))
        .or_else(|| optional("language", profile.language.as_deref(), LANGUAGE))
}

fn of_impression(impression: &ImpressionEvent) -> Option<(&'static str, String)> {
    list("post_ids", impression.post_ids.len(), POSTS)
        .or_else(|| optional("request_id", impression.request_id.as_deref(), REQUEST_ID))
}

fn of_served(served: &ServedEvent) -> Option<(&'static str, String)> {
    text("request_id", &served.request_id, REQUEST_ID)
        .or_else(|| list("posts", served.posts.len(), POSTS))
        .or_else(|| served.posts.iter().find_map(|post| text("source", &post.source, SOURCE)))
        .or_else(|| optional("model", served.model.as_deref(), MODEL))
}

fn optional(key: &'static str, value: Option<&str>, most: usize) -> Option<(&'static str, String)> {
    text(key, value?, most)
}

fn text(key: &'static str, value: &str, most: usize) -> Option<(&'static str, String)> {
    too_long(value, most).map(|problem| (key, problem))
}

fn list(key: &'static str, entries: usize, most: usize) -> Option<(&'static str, String)> {
    too_many(entries, most).map(|problem| (key, problem))
}

/// What is wrong with a string of more than `most` characters; `None` for a shorter one.
pub fn too_long(value: &str, most: usize) -> Option<String> {
    // A string never has more characters than bytes, so most strings need not be counted.
    let characters = if value.len() <= most { return None } else { value.chars().count() };
    (characters > most).then(|| format!("has {characters} characters, at most {most} are taken"))
}

/// What is wrong with a list of more than `most` entries; `None` for a shorter one.
pub fn too_many(entries: usize, most: usize) -> Option<String> {
    (entries > most).then(|| format!("has {entries} entries, at most {most} are taken"))
}

#[cfg(test)]
mod tests {
    use foryou_types::PostId;

    use super::*;

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let post = |text: String| EventBody::Post(Box::new(PostEvent { text: Some(text), ..PostEvent::default() }));
        assert_eq!(exceeded(&post("ü".repeat(TEXT))), None);
        let (key, problem) = exceeded(&post("ü".repeat(TEXT + 1))).unwrap();
        assert_eq!((key, problem.as_str()), ("text", "has 25001 characters, at most 25000 are taken"));
    }

    #[test]
    fn lists_are_counted() {
        let shown = |n| EventBody::Impression(ImpressionEvent { post_ids: vec![PostId(1); n], ..Default::default() });
        assert_eq!(exceeded(&shown(POSTS)), None);
        assert_eq!(exceeded(&shown(POSTS + 1)).unwrap().0, "post_ids");
    }
}
