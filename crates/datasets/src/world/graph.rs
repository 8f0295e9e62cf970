//! The follow graph: preferential attachment (Barabási and Albert 1999) with homophily of taste and language.

use foryou_types::{Rng, SplitMix64};

use super::config::WorldConfig;
use super::lexicon::LANGUAGES;
use super::people::{Author, Role, Viewer};
use super::tastes::{Mixture, similarity};

/// Draws from the urn before the most appealing of them is followed.
const TRIES: usize = 32;
/// Share of the authors that are there when the first follow happens; the others join at a steady pace until [`ALL_JOINED`].
const THERE_AT_FIRST: f64 = 0.05;
/// Share of the follows after which every author has joined.
const ALL_JOINED: f64 = 0.8;

/// A follow before the world starts: the account (viewers first, then authors) and the author's number.
pub(crate) type Follow = (u32, u32);

/// Grows the graph, one follow after another in an order that mixes all accounts, while authors join.
///
/// A candidate is drawn from an urn that holds every author who has joined once and once more per follower, so the followed are followed
/// more, and who came early has most: growth and preference together make the heavy tail. The candidate is taken with
/// a probability that grows with the square of the likeness of tastes, is a tenth across languages, and is small for spam and abuse.
pub(crate) fn grow(config: &WorldConfig, viewers: &[Viewer], authors: &[Author]) -> Vec<Follow> {
    let mut rng = SplitMix64::fork(config.seed, "graph");
    let accounts = viewers.len() + authors.len();
    let mut speakers = [0usize; LANGUAGES];
    for author in authors {
        speakers[author.language as usize] += 1;
    }
    let mut stubs: Vec<u32> = Vec::new();
    for account in 0..accounts {
        // Nobody follows everyone: in a small world the few authors of a language set the pace. Authors follow half as many.
        let (_, language) = person(account as u32, viewers, authors);
        let median = config.follows.min(0.25 * speakers[language] as f64 + 2.0);
        let median = if account < viewers.len() { median } else { median / 2.0 };
        let degree = (median * (0.7 * rng.normal()).exp()).clamp(3.0, 400.0);
        stubs.extend(std::iter::repeat_n(account as u32, (degree as usize).min(authors.len() / 2)));
    }
    shuffle(&mut stubs, &mut rng);

    // The first author of every language is there from the start (see `draw_authors`).
    let mut joining: Vec<u32> = (0..authors.len() as u32).collect();
    let first = LANGUAGES.min(authors.len());
    shuffle(&mut joining[first..], &mut rng);
    let pace = (1.0 - THERE_AT_FIRST) * authors.len() as f64 / (ALL_JOINED * stubs.len() as f64).max(1.0);
    let mut joined = 0;
    let mut all: Vec<u32> = Vec::new();
    let mut by_language: Vec<Vec<u32>> = vec![Vec::new(); LANGUAGES];
    let mut following: Vec<Vec<u32>> = vec![Vec::new(); accounts];
    let mut follows = Vec::with_capacity(stubs.len());
    for (step, account) in stubs.into_iter().enumerate() {
        let there = (THERE_AT_FIRST * authors.len() as f64 + pace * step as f64) as usize;
        while joined < there.max(first).min(authors.len()) {
            let author = joining[joined];
            all.push(author);
            by_language[authors[author as usize].language as usize].push(author);
            joined += 1;
        }
        let (taste, language) = person(account, viewers, authors);
        let own = !by_language[language].is_empty() && !rng.chance(0.15);
        let urn = if own { &by_language[language] } else { &all };
        let already = &mut following[account as usize];
        let mut best: Option<(f64, u32)> = None;
        for _ in 0..TRIES {
            let candidate = urn[rng.below(urn.len())];
            let oneself = account as usize == viewers.len() + candidate as usize;
            if oneself || already.contains(&candidate) {
                continue;
            }
            let appeal = appeal(taste, language, &authors[candidate as usize]);
            if rng.chance(appeal) {
                best = Some((appeal, candidate));
                break;
            }
            if best.is_none_or(|(most, _)| appeal > most) {
                best = Some((appeal, candidate));
            }
        }
        if let Some((_, author)) = best {
            already.push(author);
            all.push(author);
            by_language[authors[author as usize].language as usize].push(author);
            follows.push((account, author));
        }
    }
    follows
}

fn shuffle(list: &mut [u32], rng: &mut SplitMix64) {
    for i in (1..list.len()).rev() {
        list.swap(i, rng.below(i + 1));
    }
}

fn person<'a>(account: u32, viewers: &'a [Viewer], authors: &'a [Author]) -> (&'a Mixture, usize) {
    if let Some(viewer) = viewers.get(account as usize) {
        return (viewer.tastes.first(), viewer.language as usize);
    }
    let author = &authors[account as usize - viewers.len()];
    (author.tastes.first(), author.language as usize)
}

fn appeal(taste: &Mixture, language: usize, author: &Author) -> f64 {
    let likeness = similarity(taste, author.tastes.first());
    let alike = 0.02 + 0.98 * likeness * likeness;
    let speaks = if author.language as usize == language { 1.0 } else { 0.1 };
    let decent = if author.role == Role::Regular { 1.0 } else { 0.25 };
    alike * speaks * decent
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::people::{draw_authors, draw_viewers};

    fn demo() -> (Vec<Viewer>, Vec<Author>, Vec<Follow>) {
        let config = WorldConfig::scaled(4_000);
        let (viewers, authors) = (draw_viewers(&config), draw_authors(&config));
        let follows = grow(&config, &viewers, &authors);
        (viewers, authors, follows)
    }

    #[test]
    fn few_authors_have_most_followers() {
        let (_, authors, follows) = demo();
        let mut followers = vec![0u32; authors.len()];
        for follow in &follows {
            followers[follow.1 as usize] += 1;
        }
        followers.sort_unstable_by(|a, b| b.cmp(a));
        let top: u32 = followers[..authors.len() / 10].iter().sum();
        let share = f64::from(top) / follows.len() as f64;
        assert!(share > 0.3, "the top tenth has {share:.2}");
        assert!(followers[0] > 8 * followers[authors.len() / 2], "{} {}", followers[0], followers[authors.len() / 2]);
    }

    #[test]
    fn people_follow_their_like() {
        let (viewers, authors, follows) = demo();
        let mut rng = SplitMix64::new(8);
        let (mut followed, mut random, mut n) = (0.0, 0.0, 0.0);
        let mut same_language = 0.0;
        for (account, author) in follows.iter().filter(|f| (f.0 as usize) < viewers.len()) {
            let viewer = &viewers[*account as usize];
            followed += similarity(viewer.tastes.first(), authors[*author as usize].tastes.first());
            random += similarity(viewer.tastes.first(), authors[rng.below(authors.len())].tastes.first());
            same_language += f64::from(u8::from(viewer.language == authors[*author as usize].language));
            n += 1.0;
        }
        assert!(followed > 1.8 * random, "{} against {}", followed / n, random / n);
        assert!(same_language / n > 0.8, "{}", same_language / n);
    }

    #[test]
    fn nobody_follows_oneself_or_twice() {
        let (viewers, _, mut follows) = demo();
        assert!(follows.iter().all(|f| f.0 as usize != viewers.len() + f.1 as usize));
        let n = follows.len();
        follows.sort_unstable();
        follows.dedup();
        assert_eq!(follows.len(), n);
    }
}
