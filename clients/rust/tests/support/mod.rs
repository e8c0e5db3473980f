//! What tests of a service need: a gateway of their own, and one that is hard to reach.

// Each test program uses some of it.
#![allow(dead_code)]

pub mod proxy;

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};

use storegate_sample::gateway::{Gateway, connect};
use storegate_sample::proto::storegate::v1::ResetRequest;
use storegate_sample::proto::storegate::v1::testing_client::TestingClient;

/// A gateway in memory on a free port. STOREGATE_BIN names the binary, else PATH has it.
pub struct TestServer {
    child: Child,
    // Closed by the system when the tests are killed; the server then ends by itself.
    _stdin: ChildStdin,
    pub target: String,
}

impl TestServer {
    /// `flags` are those of serve: `["--seed", "fixtures.jsonl"]`, `["--proto", "proto"]`.
    pub fn start(flags: &[&str]) -> TestServer {
        let binary = std::env::var_os("STOREGATE_BIN").unwrap_or(OsString::from("storegate"));
        let mut child = Command::new(&binary)
            .args(["serve", "--ephemeral", "--log-level", "warn"])
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let _stdin = child.stdin.take().expect("stdin is a pipe");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("stdout is a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("stdout is text");
        // {"listen":"127.0.0.1:43121","pid":4711}
        let Some((_, rest)) = line.split_once("\"listen\":\"") else {
            let _ = child.kill();
            panic!("storegate does not serve, and said why above: {:?}", child.wait());
        };
        let target = rest.split('"').next().unwrap_or_default().to_string();
        TestServer { child, _stdin, target }
    }

    pub fn gateway(&self) -> Gateway {
        connect(&self.target).expect("the target is an address")
    }

    /// Puts back what it started with.
    pub async fn reset(&self) {
        let mut testing = TestingClient::new(self.gateway());
        testing.reset(ResetRequest {}).await.expect("an ephemeral server resets");
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
