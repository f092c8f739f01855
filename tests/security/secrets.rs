//! What a person types to ssh is in nothing that netroam writes, runs or tells.

use std::{fs, path::Path};

use netroam_lab::{Lab, Mux, Net, PASSWORD, Proc};

use super::support::{SOON, eventually, netroam, pause};

/// Every file below that has this in it.
fn having(directory: &Path, secret: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(having(&entry.path(), secret));
        } else if kind.is_file() {
            let content = fs::read(entry.path()).unwrap();
            if content.windows(secret.len()).any(|window| window == secret) {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}

#[test]
fn a_password_is_in_no_log_no_journal_no_state_no_environment_and_on_no_command_line() {
    let lab = Lab::builder()
        .sshd("PasswordAuthentication yes")
        .start()
        .unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_session(Mux::Screen, "people", "bash").unwrap();
    let hooked = lab.home_dir().join("hooked");
    let configuration = lab.home_dir().join("netroam.toml");
    let hook = format!("env >> {}", hooked.display());
    fs::write(
        &configuration,
        format!("[defaults]\non-wait = '{hook}'\non-attached = '{hook}'\n"),
    )
    .unwrap();
    let ssh_config = lab.ssh_config();
    let (ssh_config, configuration) = (
        ssh_config.to_str().unwrap(),
        configuration.to_str().unwrap(),
    );
    let own = [
        "watch",
        "--log",
        "trace",
        "--session",
        "people",
        "--config",
        configuration,
    ];
    let ssh = [
        "-vvv",
        "-E",
        "/dev/null",
        "-F",
        ssh_config,
        "-o",
        "PubkeyAuthentication=no",
        "work",
    ];
    let terminal = lab
        .terminal(&[&[netroam().to_str().unwrap()], &own[..], &ssh].concat())
        .unwrap();
    let answer = |times: usize| {
        eventually("the question", || {
            String::from_utf8_lossy(&terminal.bytes())
                .matches("password: ")
                .count()
                == times
        });
        terminal.type_keys(&format!("{PASSWORD}\r")).unwrap();
        eventually("the session", || {
            fs::read_to_string(&hooked)
                .unwrap_or_default()
                .matches("NETROAM_EVENT=attached")
                .count()
                == times
        });
    };
    answer(1);
    // Longer than it takes for the context to be there for sure.
    pause(3.0);
    // It waits for a person then, and tells the hooks so; what is typed before ssh asks is thrown away and kept nowhere.
    lab.move_to(Net::Cafe).unwrap();
    terminal
        .wait_until(SOON, "a wish for a person", |parser| {
            parser
                .screen()
                .contents()
                .contains("Enter lets it ask")
                .then_some(())
        })
        .unwrap();
    terminal.type_keys(PASSWORD).unwrap();
    // What arrives together with something else is no key.
    pause(0.5);
    terminal.type_keys("\r").unwrap();
    answer(2);

    let hooks = fs::read_to_string(&hooked).unwrap();
    assert!(hooks.contains("NETROAM_EVENT=wait") && hooks.contains("NETROAM_EVENT=attached"));
    let mut places = having(&lab.dir().join("laptop"), PASSWORD.as_bytes());
    for process in Proc::below(terminal.pid()).unwrap() {
        for what in ["environ", "cmdline"] {
            let file = format!("/proc/{}/{what}", process.pid);
            // One that has ended meanwhile says nothing.
            let content = fs::read(&file).unwrap_or_default();
            if content
                .windows(PASSWORD.len())
                .any(|window| window == PASSWORD.as_bytes())
            {
                places.push(file);
            }
        }
    }
    assert_eq!(places, [""; 0]);
    let log = lab.home_dir().join(".local/state/netroam/netroam.log");
    let log = fs::read_to_string(log).unwrap();
    assert!(
        log.contains("TRACE") && log.contains("password"),
        "it tells much, and of the question"
    );
}
