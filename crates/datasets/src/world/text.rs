//! The small grammar that writes posts: a frame per language and kind, filled with nouns of the topic.
//!
//! A text tells topic and language, and whether it is spam or abuse, and nothing of a post's quality: what could be learned from
//! a text is what a person would see in it.

use foryou_types::Rng;

use super::lexicon::{ABUSE, NOUNS, ORIGINALS, QUOTES, REPLIES, SPAM, TOPICS};
use super::people::Role;

/// What a text is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    Original,
    Reply,
    Quote,
}

/// A text and the nouns in it, by which a muted keyword is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) text: String,
    pub(crate) nouns: [&'static str; 3],
}

/// Writes a post.
pub(crate) fn write(frame: Frame, role: Role, topic: usize, language: usize, rng: &mut dyn Rng) -> Written {
    let frames: &[&str] = match (role, frame) {
        (Role::Spam, _) => &SPAM[language],
        (Role::Abusive, _) => &ABUSE[language],
        (Role::Regular, Frame::Original) => &ORIGINALS[language],
        (Role::Regular, Frame::Reply) => &REPLIES[language],
        (Role::Regular, Frame::Quote) => &QUOTES[language],
    };
    let frame = frames[rng.below(frames.len())];
    let a = noun(topic, language, rng);
    let b = other_noun(topic, language, a, rng);
    let c = noun(rng.below(TOPICS), language, rng);
    let mut nouns = [a, "", ""];
    if frame.contains("{b}") {
        nouns[1] = b;
    }
    if frame.contains("{c}") {
        nouns[2] = c;
    }
    let tag: String = a.split_whitespace().collect();
    let text = frame.replace("#{a}", &format!("#{tag}")).replace("{a}", a).replace("{b}", b).replace("{c}", c);
    Written { text, nouns }
}

/// A noun of a topic; the first ones are used more.
pub(crate) fn noun(topic: usize, language: usize, rng: &mut dyn Rng) -> &'static str {
    let nouns = &NOUNS[topic][language];
    let u = rng.uniform();
    nouns[((nouns.len() as f64) * u * (0.5 + 0.5 * u)) as usize % nouns.len()]
}

fn other_noun(topic: usize, language: usize, than: &str, rng: &mut dyn Rng) -> &'static str {
    let nouns = &NOUNS[topic][language];
    let start = rng.below(nouns.len());
    let place = (start..start + 2).map(|i| i % nouns.len()).find(|&i| nouns[i] != than).unwrap_or(start);
    nouns[place]
}

#[cfg(test)]
mod tests {
    use foryou_types::SplitMix64;
    use rustc_hash::FxHashMap;

    use super::*;
    use crate::world::lexicon::LANGUAGES;

    #[test]
    fn frames_are_filled_and_differ() {
        let mut rng = SplitMix64::new(5);
        let mut seen = std::collections::BTreeSet::new();
        for i in 0..2_000 {
            let role = [Role::Regular, Role::Spam, Role::Abusive][i % 3];
            let frame = [Frame::Original, Frame::Reply, Frame::Quote][i / 3 % 3];
            let written = write(frame, role, i % TOPICS, i % LANGUAGES, &mut rng);
            assert!(!written.text.contains('{') && !written.text.contains('}'), "{}", written.text);
            for noun in written.nouns.iter().filter(|n| !n.is_empty()) {
                assert!(written.text.contains(noun), "{noun} in {}", written.text);
            }
            seen.insert(written.text);
        }
        assert!(seen.len() > 1_500, "{} different texts", seen.len());
    }

    /// Naive Bayes on words, learned on half of the texts, must know the topic of the other half.
    #[test]
    fn a_text_tells_its_topic() {
        let mut rng = SplitMix64::new(6);
        let mut counts: FxHashMap<String, [u32; TOPICS]> = FxHashMap::default();
        let texts: Vec<(usize, String)> = (0..8_000)
            .map(|i| {
                let topic = rng.below(TOPICS);
                (topic, write(Frame::Original, Role::Regular, topic, i % LANGUAGES, &mut rng).text)
            })
            .collect();
        let words = |text: &str| -> Vec<String> {
            text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_lowercase).collect()
        };
        let (train, test) = texts.split_at(4_000);
        for (topic, text) in train {
            for word in words(text) {
                counts.entry(word).or_insert([0; TOPICS])[*topic] += 1;
            }
        }
        let right = test.iter().filter(|(topic, text)| {
            let mut score = [0.0f64; TOPICS];
            for word in words(text) {
                if let Some(n) = counts.get(&word) {
                    let total: u32 = n.iter().sum();
                    for (s, n) in score.iter_mut().zip(n) {
                        *s += ((f64::from(*n) + 0.1) / (f64::from(total) + 0.1 * TOPICS as f64)).ln();
                    }
                }
            }
            evaluation::rank_order(&score)[0] == *topic
        });
        let share = right.count() as f64 / test.len() as f64;
        assert!(share > 0.9, "topic known from {share:.2} of the texts");
    }
}
