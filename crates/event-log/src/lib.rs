//! Events and the embedded append-only log that everything else in foryou is projected from.
