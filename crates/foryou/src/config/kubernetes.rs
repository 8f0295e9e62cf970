//! Variables that Kubernetes (and Docker's links) set in every container for each service it knows. For a service named `foryou`
//! or `foryou-...` they begin as our settings do.

/// Whether a variable has that form. `key` is its name after `FORYOU_`.
pub(super) fn sets(key: &str) -> bool {
    let words: Vec<_> = key.split('_').collect();
    let service = |at: usize| match words[at..] {
        ["SERVICE", "HOST"] | ["SERVICE", "PORT", ..] | ["PORT"] => true,
        ["PORT", number, protocol, ref rest @ ..] => {
            number.parse::<u16>().is_ok()
                && matches!(protocol, "TCP" | "UDP" | "SCTP")
                && matches!(rest, [] | ["PROTO" | "PORT" | "ADDR"])
        }
        _ => false,
    };
    // The service's own name may have further words: foryou-thunder is FORYOU_THUNDER_SERVICE_HOST.
    (0..words.len()).any(service)
}
