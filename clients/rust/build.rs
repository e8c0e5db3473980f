//! Generates the stubs; cargo runs it again when a proto changes.

use std::{fs, io, path::PathBuf};

/// The root of your protos, and the folder below it that stubs are wanted of.
const PROTO: &str = "../../proto";
const PACKAGE: &str = "shop/v1";
/// The root of what they import, storegate/v1 and google/rpc.
const IMPORTS: &str = "../../proto";

fn main() -> io::Result<()> {
    let folder = PathBuf::from(PROTO).join(PACKAGE);
    // Of the folder itself, for files that are added to it.
    println!("cargo:rerun-if-changed={}", folder.display());
    // The test server's one call, and yours.
    let mut protos = vec![PathBuf::from(IMPORTS).join("storegate/v1/testing.proto")];
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            protos.push(path);
        }
    }
    protos.sort();
    tonic_prost_build::configure()
        .build_server(false)
        // tonic-types has them, and with them what reads a status's details.
        .extern_path(".google.rpc", "::tonic_types::pb")
        .include_file("protos.rs")
        .compile_protos(&protos, &[PathBuf::from(PROTO), PathBuf::from(IMPORTS)])
}
