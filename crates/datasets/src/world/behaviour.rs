//! The true model: what a viewer would do with a post at a moment.
//!
//! Every action is logistic in two scores of the same features, and independent of the others given them:
//!
//! ```text
//! appeal     x = 1.5 taste + 1.1 affinity + 0.4 in_network + 0.9 freshness − 1.6 [other language] + 0.5 proof
//!              − 0.4 [reply] + 0.15 [photo] + 0.25 [video] − 1.2 [spam or abuse] + lift(surface) + 0.8 quality
//! irritation y = −1.1 taste − 0.8 affinity − 0.5 in_network + 0.5 [other language] − 0.4 quality
//! p(a)         = σ(bias_a + x_a x + y_a y + spam_a [spam] + abuse_a [abuse])
//! ```
//!
//! `photo_expand` needs a photo, `vqv` a video, `quoted_click` a quote, `follow_author` an author not yet followed: else the
//! probability is 0. Attention: with probability `p_att = σ(−0.8 + 0.7 x)` the viewer looks for `Exp(mean m)` seconds, `m = 4 e^{0.2 x}`
//! (more for a video), else for none. So the head `dwell` (at least [`DWELL_SECONDS`]) is `p_att e^{−3/m}` and the head `dwell_time`,
//! seconds clipped at 30, has the mean `p_att m (1 − e^{−30/m})`.
//!
//! **Negative feedback is far more common than on a real network** (a report once in about 300 impressions, there once in
//! 100,000 or less): every head must be learnable from a world that a laptop makes in seconds. It is concentrated on spam and abuse, and on posts
//! far from the viewer's tastes, so that with the published weights most decent posts keep a positive value.

use foryou_types::{ActionSet, Surface};

/// Number of discrete heads of [`ActionSet::for_you`].
pub const DISCRETE: usize = 18;
/// Number of heads: the discrete ones and dwell time.
pub const HEADS: usize = 19;
/// A look of at least this many seconds is the discrete action `dwell`.
pub const DWELL_SECONDS: f64 = 3.0;
/// `vqv` has a value only on videos longer than this, in milliseconds (the Weighted scorer's rule).
pub const VQV_LEAST_MS: u32 = 10_000;

/// Places of the heads in [`ActionSet::for_you`].
pub(crate) mod head {
    pub(crate) const FAVORITE: usize = 0;
    pub(crate) const REPLY: usize = 1;
    pub(crate) const REPOST: usize = 2;
    pub(crate) const PHOTO_EXPAND: usize = 3;
    pub(crate) const CLICK: usize = 4;
    pub(crate) const PROFILE_CLICK: usize = 5;
    pub(crate) const VQV: usize = 6;
    pub(crate) const DWELL: usize = 10;
    pub(crate) const QUOTE: usize = 11;
    pub(crate) const QUOTED_CLICK: usize = 12;
    pub(crate) const FOLLOW_AUTHOR: usize = 13;
    pub(crate) const BLOCK_AUTHOR: usize = 15;
    pub(crate) const MUTE_AUTHOR: usize = 16;
    pub(crate) const REPORT: usize = 17;
    pub(crate) const DWELL_TIME: usize = 18;
}

/// How one action depends on the two scores.
struct Slope {
    /// Log-odds at `x = y = 0`.
    bias: f64,
    /// Per unit of appeal.
    x: f64,
    /// Per unit of irritation.
    y: f64,
    /// On spam.
    spam: f64,
    /// On abuse.
    abuse: f64,
}

const fn likes(bias: f64, x: f64) -> Slope {
    Slope { bias, x, y: 0.0, spam: 0.0, abuse: 0.0 }
}

const fn dislikes(bias: f64, y: f64, spam: f64, abuse: f64) -> Slope {
    Slope { bias, x: 0.0, y, spam, abuse }
}

/// The actions, in the order of [`ActionSet::for_you`]. `dwell` is not logistic and has a place only.
const SLOPES: [Slope; DISCRETE] = [
    likes(-3.4, 1.0),               // favorite
    likes(-5.3, 0.9),               // reply
    likes(-5.1, 1.0),               // repost
    likes(-2.9, 0.7),               // photo_expand
    likes(-3.1, 0.7),               // click
    likes(-4.9, 0.8),               // profile_click
    likes(-2.2, 0.8),               // vqv
    likes(-5.7, 0.9),               // share
    likes(-6.1, 0.9),               // share_via_dm
    likes(-6.4, 1.0),               // share_via_copy_link
    likes(0.0, 0.0),                // dwell
    likes(-6.0, 0.9),               // quote
    likes(-2.4, 0.7),               // quoted_click
    likes(-5.3, 1.0),               // follow_author
    dislikes(-6.9, 1.1, 2.8, 2.4),  // not_interested
    dislikes(-8.5, 0.9, 4.6, 5.6),  // block_author
    dislikes(-8.5, 0.9, 5.4, 4.6),  // mute_author
    dislikes(-10.2, 0.8, 7.0, 7.6), // report
];

/// Weight of quality in the appeal.
const QUALITY_X: f64 = 0.8;
/// Weight of quality in the irritation.
const QUALITY_Y: f64 = -0.4;

/// What the model looks at, but for the post's latent quality, which the informed ceiling does not know.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Features {
    /// How much the viewer cares for the topic now, in `[−1, 1]`: `ln(topics · share) / 2`, clipped.
    pub taste: f64,
    /// How close the viewer is to a followed author, in `[0, 1]`; 0 for others.
    pub affinity: f64,
    /// The viewer follows the author.
    pub in_network: bool,
    /// `e^{−age / 12 h}`.
    pub freshness: f64,
    /// The post is in the viewer's language.
    pub same_language: bool,
    /// Social proof, in `[0, 1]`: `ln(1 + favorites so far) / ln 101`, clipped.
    pub proof: f64,
    /// Has photos.
    pub photo: bool,
    /// Length of its video.
    pub video_ms: Option<u32>,
    /// Quotes a post.
    pub quote: bool,
    /// Is a reply.
    pub reply: bool,
    /// By a spammer.
    pub spam: bool,
    /// By an abuser.
    pub abuse: bool,
    /// Where it is shown.
    pub surface: Surface,
}

/// A viewer's response to a post as a function of the post's quality alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Response {
    /// Log-odds at quality 0; `−∞` for an action that cannot happen.
    base: [f64; DISCRETE],
    /// Appeal at quality 0.
    appeal: f64,
    /// Whether the post has a video (people look longer).
    video: bool,
}

/// `1 / (1 + e^{−z})`.
pub fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

impl Features {
    /// The response to these features.
    pub fn response(&self) -> Response {
        let is = |yes: bool| f64::from(u8::from(yes));
        let lift = match self.surface {
            Surface::Detail | Surface::Profile | Surface::Video => 0.2,
            Surface::Following => 0.1,
            Surface::Explore => -0.1,
            _ => 0.0,
        };
        let x = 1.5 * self.taste + 1.1 * self.affinity + 0.4 * is(self.in_network) + 0.9 * self.freshness
            - 1.6 * is(!self.same_language)
            + 0.5 * self.proof
            - 0.4 * is(self.reply)
            + 0.15 * is(self.photo)
            + 0.25 * is(self.video_ms.is_some())
            - 1.2 * is(self.spam || self.abuse)
            + lift;
        let y = -1.1 * self.taste - 0.8 * self.affinity - 0.5 * is(self.in_network) + 0.5 * is(!self.same_language);
        let mut base = [f64::NEG_INFINITY; DISCRETE];
        for (a, (z, slope)) in base.iter_mut().zip(&SLOPES).enumerate() {
            let possible = match a {
                head::PHOTO_EXPAND => self.photo,
                head::VQV => self.video_ms.is_some(),
                head::QUOTED_CLICK => self.quote,
                head::FOLLOW_AUTHOR => !self.in_network,
                head::DWELL => false,
                _ => true,
            };
            if possible {
                *z = slope.bias + slope.x * x + slope.y * y + slope.spam * is(self.spam) + slope.abuse * is(self.abuse);
            }
        }
        Response { base, appeal: x, video: self.video_ms.is_some() }
    }
}

impl Response {
    /// The heads at a quality, `[A]`: probabilities, and for dwell time expected seconds clipped at 30.
    pub fn heads(&self, quality: f64) -> [f64; HEADS] {
        let mut heads = [0.0; HEADS];
        for (a, (p, z)) in heads.iter_mut().zip(&self.base).enumerate() {
            *p = if *z == f64::NEG_INFINITY { 0.0 } else { sigmoid(z + Self::slope(a) * quality) };
        }
        let (attention, mean) = (self.attention(quality), self.mean_seconds(quality));
        heads[head::DWELL] = attention * (-DWELL_SECONDS / mean).exp();
        heads[head::DWELL_TIME] = attention * mean * (1.0 - (-ActionSet::DWELL_CLIP_SECONDS / mean).exp());
        heads
    }

    /// The probability that the viewer looks at all.
    pub fn attention(&self, quality: f64) -> f64 {
        sigmoid(-0.8 + Self::ATTENTION_X * (self.appeal + QUALITY_X * quality))
    }

    /// The mean length of a look, in seconds.
    pub fn mean_seconds(&self, quality: f64) -> f64 {
        (if self.video { 9.0 } else { 4.0 }) * (0.2 * (self.appeal + QUALITY_X * quality)).exp()
    }

    /// Slope of attention's log-odds per unit of appeal.
    const ATTENTION_X: f64 = 0.7;

    /// Derivative of a discrete action's log-odds by quality.
    fn slope(action: usize) -> f64 {
        SLOPES[action].x * QUALITY_X + SLOPES[action].y * QUALITY_Y
    }

    /// Gradient and Fisher information of the log-likelihood of what a viewer did, by quality.
    ///
    /// `taken` are the discrete actions as bits, `looked` whether the viewer looked at all. The length of the look is left out.
    pub(crate) fn score(&self, quality: f64, taken: u64, looked: bool) -> (f64, f64) {
        let mut gradient = 0.0;
        let mut information = 0.0;
        let mut add = |p: f64, slope: f64, happened: bool| {
            gradient += slope * (f64::from(u8::from(happened)) - p);
            information += slope * slope * p * (1.0 - p);
        };
        for (a, z) in self.base.iter().enumerate() {
            if *z != f64::NEG_INFINITY {
                let slope = Self::slope(a);
                add(sigmoid(z + slope * quality), slope, taken >> a & 1 == 1);
            }
        }
        add(self.attention(quality), Self::ATTENTION_X * QUALITY_X, looked);
        (gradient, information)
    }
}

/// `Σ w·p` over the heads (`[A]`), with the Weighted scorer's rule for videos.
pub fn value(set: &ActionSet, heads: impl IntoIterator<Item = f64>, video_ms: Option<u32>) -> f64 {
    let watchable = video_ms.is_some_and(|ms| ms > VQV_LEAST_MS);
    set.actions
        .iter()
        .zip(heads)
        .enumerate()
        .filter(|(a, _)| *a != head::VQV || watchable)
        .map(|(_, (action, p))| action.weight * p)
        .sum()
}

#[cfg(test)]
mod tests {
    use foryou_types::{Rng, SplitMix64};
    use proptest::prelude::*;

    use super::*;

    fn features() -> Features {
        Features { freshness: 0.8, same_language: true, photo: true, ..Features::default() }
    }

    #[test]
    fn the_heads_stand_where_the_action_set_has_them() {
        let set = ActionSet::for_you();
        let named = [
            ("favorite", head::FAVORITE),
            ("reply", head::REPLY),
            ("repost", head::REPOST),
            ("photo_expand", head::PHOTO_EXPAND),
            ("click", head::CLICK),
            ("profile_click", head::PROFILE_CLICK),
            ("vqv", head::VQV),
            ("dwell", head::DWELL),
            ("quote", head::QUOTE),
            ("quoted_click", head::QUOTED_CLICK),
            ("follow_author", head::FOLLOW_AUTHOR),
            ("block_author", head::BLOCK_AUTHOR),
            ("mute_author", head::MUTE_AUTHOR),
            ("report", head::REPORT),
            ("dwell_time", head::DWELL_TIME),
        ];
        for (name, place) in named {
            assert_eq!(set.index_of(name), Some(place as u8), "{name}");
        }
        assert_eq!(set.len(), HEADS);
    }

    #[test]
    fn one_head_by_hand() {
        let f = Features { taste: 0.5, in_network: true, affinity: 0.4, same_language: true, ..Features::default() };
        // x = .75 + .44 + .4 + quality .8 * .5
        let x: f64 = 1.5 * 0.5 + 1.1 * 0.4 + 0.4 + 0.8 * 0.5;
        let heads = f.response().heads(0.5);
        assert!((heads[head::FAVORITE] - 1.0 / (1.0 + (3.4 - x).exp())).abs() < 1e-12);
        let y: f64 = -1.1 * 0.5 - 0.8 * 0.4 - 0.5 - 0.4 * 0.5;
        assert!((heads[head::REPORT] - 1.0 / (1.0 + (10.2 - 0.8 * y).exp())).abs() < 1e-12);
        assert_eq!(heads[head::FOLLOW_AUTHOR], 0.0);
        assert_eq!(heads[head::PHOTO_EXPAND], 0.0);
    }

    #[test]
    fn what_pleases_and_what_annoys() {
        let heads = |f: Features| f.response().heads(0.0);
        let plain = heads(features());
        let loved = heads(Features { taste: 1.0, ..features() });
        assert!(loved[head::FAVORITE] > 2.0 * plain[head::FAVORITE] && loved[14] < plain[14]);
        let old = heads(Features { freshness: 0.05, ..features() });
        assert!(old[head::FAVORITE] < plain[head::FAVORITE]);
        let spam = heads(Features { spam: true, ..features() });
        assert!(
            spam[head::REPORT] > 100.0 * plain[head::REPORT]
                && spam[head::MUTE_AUTHOR] > 50.0 * plain[head::MUTE_AUTHOR]
        );
        let foreign = heads(Features { same_language: false, ..features() });
        assert!(foreign[head::REPLY] < plain[head::REPLY]);
        assert!(features().response().heads(1.5)[head::FAVORITE] > plain[head::FAVORITE]);
    }

    #[test]
    fn dwell_heads_are_the_means_of_what_is_drawn() {
        let response = Features { video_ms: Some(20_000), taste: 0.4, ..features() }.response();
        let heads = response.heads(0.3);
        let (p, mean) = (response.attention(0.3), response.mean_seconds(0.3));
        let mut rng = SplitMix64::new(11);
        let (mut long, mut seconds) = (0.0, 0.0);
        let n = 200_000;
        for _ in 0..n {
            if rng.chance(p) {
                let look = -mean * (1.0 - rng.uniform()).ln();
                long += f64::from(u8::from(look >= DWELL_SECONDS));
                seconds += look.min(30.0);
            }
        }
        assert!((long / f64::from(n) - heads[head::DWELL]).abs() < 0.005);
        assert!((seconds / f64::from(n) - heads[head::DWELL_TIME]).abs() < 0.05);
    }

    #[test]
    fn vqv_counts_on_long_videos_only() {
        let set = ActionSet::for_you();
        let mut heads = [0.0; HEADS];
        heads[head::VQV] = 1.0;
        heads[head::DWELL_TIME] = 10.0;
        assert!((value(&set, heads, Some(10_000)) - 0.04).abs() < 1e-12);
        assert!((value(&set, heads, Some(10_001)) - 0.09).abs() < 1e-12);
        assert!((value(&set, heads, None) - 0.04).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn heads_are_probabilities(
            taste in -1.0..1.0f64, affinity in 0.0..1.0f64, freshness in 0.0..1.0f64, proof in 0.0..1.0f64,
            flags in any::<[bool; 7]>(), video in prop::option::of(1_000..600_000u32), quality in -6.0..6.0f64,
        ) {
            let [in_network, same_language, photo, quote, reply, spam, abuse] = flags;
            let f = Features { taste, affinity, in_network, freshness, same_language, proof, photo, video_ms: video, quote, reply,
                spam, abuse, surface: Surface::Home };
            let response = f.response();
            let heads = response.heads(quality);
            prop_assert!(heads[..DISCRETE].iter().all(|p| (0.0..=1.0).contains(p)));
            prop_assert!((0.0..=30.0).contains(&heads[head::DWELL_TIME]));
            // the information is a variance, and the gradient is what the finite difference of the log-likelihood says
            let log_likelihood = |q: f64| -> f64 {
                let h = response.heads(q);
                let rest = |a: usize| if a == head::DWELL || h[a] == 0.0 { 0.0 } else { (1.0 - h[a]).ln() };
                (1..DISCRETE).map(rest).sum::<f64>() + h[head::FAVORITE].ln() + response.attention(q).ln()
            };
            let (gradient, information) = response.score(quality, 1, true);
            let difference = (log_likelihood(quality + 1e-5) - log_likelihood(quality - 1e-5)) / 2e-5;
            prop_assert!(information >= 0.0);
            prop_assert!((gradient - difference).abs() < 1e-3 * (1.0 + gradient.abs()), "{} {}", gradient, difference);
        }
    }
}
