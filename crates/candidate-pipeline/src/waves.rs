//! The order in which hydrators that need each other run.

use crate::error::BuildError;

/// A hydrator as the planner sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) name: &'static str,
    pub(crate) needs: &'static [&'static str],
}

/// Sorts hydrators into waves: each in the earliest wave that comes after all it needs, in list order within a wave
/// (Kahn's algorithm by levels). Needs that `earlier` stages have satisfied do not count.
///
/// Gives positions in `nodes`.
pub(crate) fn plan(
    pipeline: &'static str,
    nodes: &[Node],
    earlier: &[&'static str],
) -> Result<Vec<Vec<usize>>, BuildError> {
    let mut needs: Vec<Vec<usize>> = Vec::with_capacity(nodes.len());
    for node in nodes {
        let mut found = Vec::with_capacity(node.needs.len());
        for &need in node.needs {
            match nodes.iter().position(|other| other.name == need) {
                Some(at) => found.push(at),
                None if earlier.contains(&need) => {}
                None => return Err(BuildError::UnsatisfiedNeed { pipeline, hydrator: node.name, need }),
            }
        }
        needs.push(found);
    }
    let mut placed = vec![false; nodes.len()];
    let mut waves = Vec::new();
    while placed.contains(&false) {
        let wave: Vec<usize> =
            (0..nodes.len()).filter(|&i| !placed[i] && needs[i].iter().all(|&need| placed[need])).collect();
        if wave.is_empty() {
            return Err(BuildError::Cycle { pipeline, cycle: cycle(nodes, &needs, &placed) });
        }
        for &i in &wave {
            placed[i] = true;
        }
        waves.push(wave);
    }
    Ok(waves)
}

/// A cycle among the nodes that could not be placed. Each of them needs another such one, so a walk along needs comes back.
fn cycle(nodes: &[Node], needs: &[Vec<usize>], placed: &[bool]) -> Vec<&'static str> {
    let mut path: Vec<usize> = Vec::new();
    let mut at = placed.iter().position(|&placed| !placed);
    while let Some(node) = at {
        if let Some(start) = path.iter().position(|&seen| seen == node) {
            path.drain(..start);
            path.push(node);
            break;
        }
        path.push(node);
        at = needs[node].iter().copied().find(|&need| !placed[need]);
    }
    path.into_iter().map(|i| nodes[i].name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn node(name: &'static str, needs: &'static [&'static str]) -> Node {
        Node { name, needs }
    }

    #[test]
    fn each_runs_in_the_earliest_wave_after_its_needs() {
        let nodes = [
            node("author", &["core"]),
            node("mark", &[]),
            node("core", &[]),
            node("quote", &["author", "mark"]),
            node("language", &["core"]),
        ];
        assert_eq!(plan("p", &nodes, &[]), Ok(vec![vec![1, 2], vec![0, 4], vec![3]]));
    }

    #[test]
    fn what_an_earlier_stage_filled_is_there() {
        assert_eq!(plan("p", &[node("verdict", &["core"])], &["core"]), Ok(vec![vec![0]]));
    }

    #[test]
    fn a_cycle_is_named_without_those_that_only_wait_for_it() {
        let nodes = [node("z", &["a"]), node("a", &["b"]), node("b", &["c"]), node("c", &["a"])];
        let cycle = vec!["a", "b", "c", "a"];
        assert_eq!(plan("p", &nodes, &[]), Err(BuildError::Cycle { pipeline: "p", cycle }));
        let own = plan("p", &[node("me", &["me"])], &[]);
        assert_eq!(own, Err(BuildError::Cycle { pipeline: "p", cycle: vec!["me", "me"] }));
    }
}
