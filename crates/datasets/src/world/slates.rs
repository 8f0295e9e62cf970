//! Held-out slates: what was shown to one viewer at one moment, with the true probabilities.

use foryou_types::{ActionMask, ActionSet, PostId, Surface, TimeMs, UserId};
use serde::{Deserialize, Serialize};

use super::behaviour::{HEADS, value};

/// Slates shorter than this are not held out.
pub const LEAST_SLATE: usize = 10;

/// A slate of posts shown to one viewer at one moment.
///
/// Whoever ranks it may know every event strictly before [`Slate::at`] and nothing after. The posts stand in the order in which they
/// were shown, which is random and says nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slate {
    /// The impression's `request_id` in the log.
    pub request_id: String,
    /// To whom.
    #[serde(with = "user_text")]
    pub viewer: UserId,
    /// When.
    pub at: TimeMs,
    /// Where in the product.
    pub surface: Surface,
    /// What, `[C]`, at least [`LEAST_SLATE`].
    pub posts: Vec<SlatePost>,
}

/// One post of a slate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlatePost {
    /// The post.
    #[serde(with = "post_text")]
    pub post_id: PostId,
    /// Its author.
    #[serde(with = "user_text")]
    pub author_id: UserId,
    /// When it was posted.
    pub created_at: TimeMs,
    /// Its topic, by number.
    pub topic: u8,
    /// Its language, as a BCP 47 tag.
    pub language: String,
    /// Length of its video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video_ms: Option<u32>,
    /// The viewer followed the author at the moment.
    pub in_network: bool,
    /// How often it had been shown before.
    pub impressions_before: u32,
    /// The latent quality, which nothing could know.
    pub quality: f32,
    /// The true heads, `[A]`: probabilities, and expected seconds for dwell time.
    pub p_true: Vec<f32>,
    /// The discrete actions really taken, as bits by action index.
    pub taken: ActionMask,
    /// Seconds really looked, not clipped.
    pub dwell_seconds: f32,
    /// The score of the popularity prior at the moment: `Σ w·p` of its heads.
    pub popularity: f32,
    /// The score of the informed ceiling at the moment: `Σ w·p` expected over the quality.
    pub ceiling: f32,
}

impl SlatePost {
    /// The true gain, `max(0, Σ w·p_true)`.
    pub fn gain(&self, set: &ActionSet) -> f64 {
        value(set, self.p_true.iter().map(|p| f64::from(*p)), self.video_ms).max(0.0)
    }

    /// The gain of what was really done, `max(0, Σ w·taken)`, dwell clipped at 30 s.
    pub fn gain_taken(&self, set: &ActionSet) -> f64 {
        let mut heads = [0.0; HEADS];
        for a in self.taken.iter().filter(|a| (*a as usize) < HEADS) {
            heads[a as usize] = 1.0;
        }
        heads[HEADS - 1] = f64::from(self.dwell_seconds).min(ActionSet::DWELL_CLIP_SECONDS);
        value(set, heads, self.video_ms).max(0.0)
    }
}

impl Slate {
    /// The first thing wrong with a slate that was read from a file.
    pub(crate) fn problem(&self) -> Option<String> {
        if self.viewer.is_none() {
            return Some("viewer: must not be 0".to_owned());
        }
        if self.posts.len() < LEAST_SLATE {
            return Some(format!("posts: a slate needs at least {LEAST_SLATE}, but has {}", self.posts.len()));
        }
        self.posts.iter().enumerate().find_map(|(i, post)| {
            let bad = |what: String| Some(format!("posts[{i}].{what}"));
            let (discrete, dwell) = post.p_true.split_at(post.p_true.len().min(HEADS - 1));
            if post.post_id.is_none() || post.author_id.is_none() {
                return bad("post_id and author_id: must not be 0".to_owned());
            }
            if post.p_true.len() != HEADS {
                return bad(format!("p_true: {HEADS} heads are needed, not {}", post.p_true.len()));
            }
            if let Some(p) = discrete.iter().find(|p| !(0.0..=1.0).contains(*p)) {
                return bad(format!("p_true: {p} is not a probability"));
            }
            if let Some(s) = dwell.iter().find(|s| !(0.0..=ActionSet::DWELL_CLIP_SECONDS as f32).contains(*s)) {
                return bad(format!("p_true: {s} is not a number of seconds up to {}", ActionSet::DWELL_CLIP_SECONDS));
            }
            if post.taken.0 >> (HEADS - 1) != 0 {
                return bad("taken: has actions that are not discrete heads".to_owned());
            }
            if !(post.dwell_seconds.is_finite() && post.dwell_seconds >= 0.0) {
                return bad("dwell_seconds: must be a number of seconds".to_owned());
            }
            None
        })
    }
}

macro_rules! id_text {
    ($(#[$doc:meta])* $module:ident, $id:ident) => {
        $(#[$doc])*
        mod $module {
            use foryou_types::$id;
            use serde::{Deserialize, Deserializer, Serializer, de::Error};

            pub(super) fn serialize<S: Serializer>(id: &$id, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&id.0)
            }

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$id, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map($id).map_err(|_| D::Error::custom(format!("{text:?} is not an id")))
            }
        }
    };
}

id_text! {
    /// User ids as strings: JSON numbers lose bits above 2^53.
    user_text, UserId
}
id_text! {
    /// Post ids as strings.
    post_text, PostId
}

#[cfg(test)]
pub(crate) fn sample_slate() -> Slate {
    let post = |i: u64| SlatePost {
        post_id: PostId(u64::MAX - i),
        author_id: UserId(7),
        created_at: TimeMs(1_000),
        topic: 3,
        language: "en".to_owned(),
        video_ms: i.is_multiple_of(2).then_some(12_000),
        in_network: i.is_multiple_of(3),
        impressions_before: 5,
        quality: -0.25,
        p_true: (0..HEADS).map(|a| 0.01 * a as f32).collect(),
        taken: ActionMask(0b11),
        dwell_seconds: 4.5,
        popularity: 0.125,
        ceiling: 0.3,
    };
    Slate {
        request_id: "w-1".to_owned(),
        viewer: UserId(1),
        at: TimeMs(2_000),
        surface: Surface::Home,
        posts: (0..10).map(post).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gains_by_hand() {
        let set = ActionSet::for_you();
        let mut post = sample_slate().posts[0].clone();
        // favorite .5 + reply 5 + 4.5 s * .004
        assert!((post.gain_taken(&set) - (5.5 + 0.018)).abs() < 1e-9);
        post.taken.insert(17);
        assert_eq!(post.gain_taken(&set), 0.0);
        post.p_true = vec![0.0; HEADS];
        post.p_true[9] = 0.5;
        post.p_true[14] = 0.125;
        // 20 * .5 - 43.2 * .125
        assert!((post.gain(&set) - 4.6).abs() < 1e-6);
    }

    #[test]
    fn a_slate_survives_json_with_all_bits_of_its_ids() {
        let slate = sample_slate();
        let text = serde_json::to_string(&slate).unwrap();
        assert!(text.contains("\"18446744073709551615\""), "{text}");
        assert_eq!(serde_json::from_str::<Slate>(&text).unwrap(), slate);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let broken = |change: fn(&mut Slate)| {
            let mut slate = sample_slate();
            change(&mut slate);
            slate.problem().unwrap_or_default()
        };
        assert_eq!(sample_slate().problem(), None);
        assert!(broken(|s| s.viewer = UserId::NONE).starts_with("viewer"));
        assert!(broken(|s| s.posts.truncate(9)).contains("at least 10, but has 9"));
        assert!(broken(|s| s.posts[2].p_true.truncate(3)).contains("posts[2].p_true: 19 heads"));
        assert!(broken(|s| s.posts[0].p_true[4] = f32::NAN).contains("not a probability"));
        assert!(broken(|s| s.posts[0].p_true[18] = 31.0).contains("seconds"));
        assert!(broken(|s| s.posts[9].taken = ActionMask(1 << 18)).contains("posts[9].taken"));
        assert!(broken(|s| s.posts[1].post_id = PostId::NONE).contains("must not be 0"));
    }
}
