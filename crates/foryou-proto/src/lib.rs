//! The protobuf and gRPC types of foryou, compiled without protoc.
