//! The known name that a mistaken one is nearest to.

use strsim::normalized_damerau_levenshtein as likeness;

/// The known key nearest to `wanted`; of equally near ones, the first. A key without its section is compared with the last parts too.
pub(crate) fn nearest<'a>(wanted: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    let like = |key: &str| {
        let last = key.rsplit('.').next().unwrap_or_default();
        likeness(wanted, key).max(if wanted.contains('.') { 0.0 } else { likeness(wanted, last) })
    };
    let best = known.fold(("", f64::NEG_INFINITY), |best, key| {
        let like = like(key);
        if like > best.1 { (key, like) } else { best }
    });
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_nearest_to_what_was_meant() {
        let known = ["seed", "server.listen", "mixer.result_size", "mixer.selection_size"];
        for (wanted, meant) in [
            ("sede", "seed"),
            ("result_sise", "mixer.result_size"),
            ("mixer.selection", "mixer.selection_size"),
            ("sever.listen", "server.listen"),
            ("listen", "server.listen"),
        ] {
            assert_eq!(nearest(wanted, known.into_iter()), meant, "{wanted}");
        }
    }
}
