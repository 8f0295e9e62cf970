//! Names of what Thunder measures, for `/metrics`.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Describes Thunder's metrics to the recorder.
pub(crate) fn describe() {
    describe_counter!("thunder_requests_total", Unit::Count, "Lookups, by outcome");
    describe_histogram!("thunder_lookup_seconds", Unit::Seconds, "Time of a lookup");
    describe_gauge!("thunder_posts", Unit::Count, "Posts in memory");
    describe_gauge!("thunder_authors", Unit::Count, "Authors with posts in memory");
    describe_gauge!("thunder_remembered_deletes", Unit::Count, "Deleted posts that are remembered");
    describe_counter!("thunder_trimmed_posts_total", Unit::Count, "Posts removed because of their age");
    describe_gauge!("thunder_ingest_lag_records", Unit::Count, "Records of the log that are not read yet");
    describe_gauge!("thunder_ingest_records_per_second", Unit::CountPerSecond, "Records read per second, lately");
    describe_gauge!(
        "thunder_ingest_freshness_seconds",
        Unit::Seconds,
        "Age of the newest event read, by the folder's clock"
    );
    describe_counter!("thunder_ingest_records_total", Unit::Count, "Records read");
    describe_counter!("thunder_ingest_posts_total", Unit::Count, "Posts read");
    describe_counter!("thunder_ingest_stored_total", Unit::Count, "Posts that the store took");
    describe_counter!("thunder_ingest_deletes_total", Unit::Count, "Deletes read");
    describe_counter!(
        "thunder_ingest_unreadable_total",
        Unit::Count,
        "Records that could not be read and were skipped"
    );
    describe_counter!(
        "thunder_ingest_panics_total",
        Unit::Count,
        "Records whose processing panicked and that were skipped"
    );
    describe_counter!("thunder_ingest_read_errors_total", Unit::Count, "Times the log could not be read");
}
