//! Embedded projections of the event log: posts, profiles, graph, action sequences, impressions, labels.
