//! The log, as a user has it.

use std::process::Command;

#[test]
fn a_full_disk_is_not_said_on_the_terminal() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_netroam"));
    command.args(["watch", "--log-file", "/dev/full", "--log", "trace"]);
    command.args(["--config", "/nonexistent/netroam.toml", "gw1"]);
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.lines().count() == 2 && said.lines().all(|line| line.starts_with("netroam: ")),
        "{said}"
    );
}
