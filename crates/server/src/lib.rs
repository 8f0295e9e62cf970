//! gRPC and REST on one port.
