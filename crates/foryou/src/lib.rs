//! The For You feed as software anyone can run: ingest, store, retrieve, rank, filter, serve and explain.
