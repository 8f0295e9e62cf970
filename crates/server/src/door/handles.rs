//! File handles: each connection takes one, and the log and the projections need some too.

/// How many connections may be open if `wanted` are asked for: at most half of the process's file handles. The soft limit, which
/// is low on many systems, is raised to the hard limit first.
#[cfg(unix)]
pub(super) fn connections(wanted: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = (wanted as u64).saturating_mul(2);
    let mut limit = current.unwrap_or(u64::MAX);
    if limit < needed {
        let raised = maximum.map_or(needed, |maximum| maximum.min(needed));
        match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum }) {
            Ok(()) => limit = raised,
            Err(error) => tracing::debug!(%error, "the limit of file handles cannot be raised"),
        }
    }
    let most = wanted.min(usize::try_from(limit / 2).unwrap_or(usize::MAX)).max(1);
    if most < wanted {
        tracing::warn!(
            wanted,
            most,
            "fewer connections than server.max_connections: the process may open {limit} files"
        );
    }
    most
}

/// How many connections may be open if `wanted` are asked for.
#[cfg(not(unix))]
pub(super) fn connections(wanted: usize) -> usize {
    wanted
}
