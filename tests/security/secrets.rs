//! What a person types to ssh is in nothing that netroam writes, runs or tells.

use std::{fs, path::Path, process::Command};

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

/// Somebody answers ssh's question, in the first login and after a move, and what is typed is nowhere then but where it belongs; though the log tells much,
/// as of what it is `told`.
fn stays_secret(
    lab: &Lab,
    ssh_config: &str,
    options: &[&str],
    (prompt, secret): (&str, &str),
    told: &str,
) {
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
    let configuration = configuration.to_str().unwrap();
    let own = [
        "watch",
        "--log",
        "trace",
        "--session",
        "people",
        "--config",
        configuration,
    ];
    let ssh = ["-vvv", "-E", "/dev/null", "-F", ssh_config];
    let netroam = [netroam().to_str().unwrap()];
    let terminal = lab
        .terminal(&[&netroam, &own[..], &ssh, options, &["work"]].concat())
        .unwrap();
    let answer = |times: usize| {
        eventually("the question", || {
            String::from_utf8_lossy(&terminal.bytes())
                .matches(prompt)
                .count()
                == times
        });
        terminal.type_keys(&format!("{secret}\r")).unwrap();
        eventually("the session", || {
            fs::read_to_string(&hooked)
                .unwrap_or_default()
                .matches("NETROAM_EVENT=attached")
                .count()
                == times
        });
    };
    answer(1);
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
    terminal.type_keys(secret).unwrap();
    // What arrives together with something else is no key.
    pause(0.5);
    terminal.type_keys("\r").unwrap();
    answer(2);

    let hooks = fs::read_to_string(&hooked).unwrap();
    assert!(hooks.contains("NETROAM_EVENT=wait") && hooks.contains("NETROAM_EVENT=attached"));
    let mut places = having(&lab.dir().join("laptop"), secret.as_bytes());
    for process in Proc::below(terminal.pid()).unwrap() {
        for what in ["environ", "cmdline"] {
            let file = format!("/proc/{}/{what}", process.pid);
            // One that has ended meanwhile says nothing.
            let content = fs::read(&file).unwrap_or_default();
            if content
                .windows(secret.len())
                .any(|window| window == secret.as_bytes())
            {
                places.push(file);
            }
        }
    }
    assert_eq!(places, [""; 0]);
    let log = lab.home_dir().join(".local/state/netroam/netroam.log");
    let log = fs::read_to_string(log).unwrap();
    assert!(log.contains("TRACE") && log.contains(told), "{log}");
}

#[test]
fn a_password_is_in_no_log_no_journal_no_state_no_environment_and_on_no_command_line() {
    let lab = Lab::builder()
        .sshd("PasswordAuthentication yes")
        .start()
        .unwrap();
    let ssh_config = lab.ssh_config();
    stays_secret(
        &lab,
        ssh_config.to_str().unwrap(),
        &["-o", "PubkeyAuthentication=no"],
        ("password: ", PASSWORD),
        "password",
    );
}

/// The way of one-time passwords: what is asked is the server's business.
#[test]
fn an_answer_to_what_the_server_asks_is_nowhere_either() {
    let lab = Lab::builder()
        .sshd("UsePAM yes\nKbdInteractiveAuthentication yes")
        .start()
        .unwrap();
    let asks = lab.dir().join("server/pam");
    let pam = "auth required pam_unix.so\naccount required pam_permit.so\nsession required pam_permit.so\n";
    fs::write(&asks, pam).unwrap();
    let mount = format!("mount --bind {} /etc/pam.d/sshd", asks.display());
    lab.server().node().sh(&mount).unwrap();
    stays_secret(
        &lab,
        lab.ssh_config().to_str().unwrap(),
        &[
            "-o",
            "PreferredAuthentications=keyboard-interactive",
            "-o",
            "PubkeyAuthentication=no",
        ],
        ("Password: ", PASSWORD),
        "keyboard-interactive",
    );
}

#[test]
fn a_keys_passphrase_is_nowhere_either() {
    const PASSPHRASE: &str = "only-for-this-test-7c1f";
    let lab = Lab::new().unwrap();
    let ssh_config = fs::read_to_string(lab.ssh_config()).unwrap();
    let bare = ssh_config
        .split_whitespace()
        .find(|word| word.ends_with("/user_key"))
        .unwrap();
    // Not where secrets are looked for.
    let locked = lab.dir().join("locked_key");
    fs::copy(bare, &locked).unwrap();
    let locking = Command::new("ssh-keygen")
        .args(["-q", "-p", "-P", "", "-N", PASSPHRASE, "-f"])
        .arg(&locked)
        .status()
        .unwrap();
    assert!(locking.success());
    let own_config = lab.dir().join("locked_config");
    fs::write(
        &own_config,
        ssh_config.replace(bare, locked.to_str().unwrap()),
    )
    .unwrap();
    stays_secret(
        &lab,
        own_config.to_str().unwrap(),
        &[],
        ("Enter passphrase for key", PASSPHRASE),
        "locked_key",
    );
}
