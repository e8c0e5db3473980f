//! The stubs of the shop, and what a service adds to them; copy `gateway` and adapt it.

/// One module for each package: `proto::shop::v1::Product`.
pub mod proto {
    tonic::include_proto!("protos");
}

pub mod gateway;
