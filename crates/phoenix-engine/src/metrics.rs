//! Names of what Phoenix measures, for `/metrics`.

use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

/// Describes Phoenix's metrics to the recorder.
pub(crate) fn describe() {
    describe_counter!("phoenix_ranking_requests_total", Unit::Count, "Requests ranked by a model, by outcome");
    describe_counter!("phoenix_ranking_candidates_total", Unit::Count, "Candidates given to the ranking model");
    describe_histogram!("phoenix_ranking_seconds", Unit::Seconds, "Time of ranking one request, with its wait");
    describe_counter!(
        "phoenix_retrieval_requests_total",
        Unit::Count,
        "Requests answered by a retrieval model, by outcome"
    );
    describe_histogram!("phoenix_retrieval_seconds", Unit::Seconds, "Time of one retrieval, with its wait");
    describe_gauge!("phoenix_index_posts", Unit::Count, "Posts in the retrieval index");
    describe_counter!("phoenix_context_cache_total", Unit::Count, "User contexts asked of the cache, by outcome");
    describe_counter!(
        "phoenix_model_load_errors_total",
        Unit::Count,
        "Promoted models that could not be loaded, by kind"
    );
    describe_gauge!("phoenix_corpus_posts", Unit::Count, "Posts known to the models");
    describe_counter!("phoenix_corpus_skipped_total", Unit::Count, "Records that could not be read or applied");
    describe_counter!("phoenix_corpus_read_errors_total", Unit::Count, "Times the log could not be read");
}
