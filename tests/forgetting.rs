//! `netroam forget`, as a user runs it.

use std::process::Command;

use netroam::learnt::{Learnt, Store};

#[test]
fn hosts_are_forgotten_in_every_form_of_a_destination() {
    let home = tempfile::tempdir().unwrap();
    let store = Store::new(&home.path().join("netroam"));
    store.write("gw1", &Learnt::default()).unwrap();
    store.write("gw2", &Learnt::default()).unwrap();
    let forget = |hosts: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_netroam"));
        command.arg("forget").args(hosts);
        command.env("XDG_STATE_HOME", home.path()).output().unwrap()
    };
    let output = forget(&["me@gw1", "ssh://me@GW2:2222", "gw3"]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "gw1: forgotten\nGW2: forgotten\ngw3: nothing was known\n"
    );
    assert_eq!(output.status.code(), Some(0));
    let output = forget(&["gw1"]);
    assert_eq!(output.stdout, b"gw1: nothing was known\n");
    assert_eq!(forget(&[]).status.code(), Some(2));
}
