//! The in-memory store of recent posts and its gRPC service.
