//! The protobuf and gRPC types of foryou, generated from `proto/` by protox at build time: no protoc to install.
//!
//! Messages the documents give keep their types and field numbers; fields of ours start at 100.
#![expect(missing_docs, reason = "generated code; the documentation stands in the .proto files")]
#![expect(clippy::pedantic, clippy::large_enum_variant, clippy::allow_attributes, reason = "generated code")]

/// The feed and the event service, version 1.
pub mod v1 {
    tonic::include_proto!("foryou.v1");
}

/// Thunder's service.
pub mod thunder {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("foryou.thunder.v1");
    }
}

/// Retrieval and ranking.
pub mod phoenix {
    /// Version 1.
    pub mod v1 {
        tonic::include_proto!("foryou.phoenix.v1");
    }
}

pub mod calls;

/// Every file's descriptors, for reflection and for the test that pins field numbers.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
