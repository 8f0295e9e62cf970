//! Chains of posts, as far as they lead: reposts of reposts, answers to answers.

use std::collections::HashMap;
use std::convert::Infallible;

use crate::PostId;

/// Steps of a chain at most: reached only by chains that were made to be long.
const MAX_CHAIN: usize = 4_096;

/// The posts after `start` that `next` leads to, at most 4,096, the end of the chain last. Reposts (or answers) of each other in a circle end at
/// the one with the smallest id, wherever the circle is entered; if that is `start` itself, the chain is empty.
pub fn chain<E>(start: PostId, mut next: impl FnMut(PostId) -> Result<Option<PostId>, E>) -> Result<Vec<PostId>, E> {
    let mut at = start;
    let mut above = Vec::new();
    // Nearly every chain has one link: only longer ones need to know where they have been.
    let mut places: HashMap<PostId, usize> = HashMap::new();
    while above.len() < MAX_CHAIN
        && let Some(following) = next(at)?
    {
        if places.is_empty() {
            places.insert(start, 0);
        }
        if let Some(&place) = places.get(&following) {
            let circle = (place..=above.len()).map(|i| (if i == 0 { start } else { above[i - 1] }, i));
            let end = circle.min().map_or(0, |(_, i)| i);
            above.truncate(end);
            break;
        }
        above.push(following);
        places.insert(following, above.len());
        at = following;
    }
    Ok(above)
}

/// The original that a post stands for: the end of its chain of reposts, or the post itself. `source`: what a post reposts.
pub fn original(post: PostId, mut source: impl FnMut(PostId) -> Option<PostId>) -> PostId {
    let Ok(above) = chain(post, |at| Ok::<_, Infallible>(source(at)));
    above.last().copied().unwrap_or(post)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(links: &[(u64, u64)], start: u64) -> u64 {
        original(PostId(start), |at| links.iter().find(|(from, _)| *from == at.0).map(|(_, to)| PostId(*to))).0
    }

    #[test]
    fn a_chain_ends_at_its_original_and_a_circle_at_its_smallest() {
        let links = [(4, 3), (3, 9), (9, 1), (20, 22), (22, 21), (21, 20), (30, 22), (40, 40)];
        assert_eq!([4, 3, 9, 1, 5].map(|start| ends(&links, start)), [1, 1, 1, 1, 5]);
        assert_eq!([20, 21, 22, 30].map(|start| ends(&links, start)), [20; 4]);
        assert_eq!(ends(&links, 40), 40);
    }
}
