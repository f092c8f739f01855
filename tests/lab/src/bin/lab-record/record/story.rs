//! The story: attached at home, the network gone, attached again in the café.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use netroam_lab::{Lab, Net, Terminal, seconds};

use super::film::{Film, Scene};
use super::frame::frames;

const ROWS: u16 = 15;
const COLUMNS: u16 = 80;

/// The time to the server and back: a line within a country.
const RTT: Duration = Duration::from_millis(30);

/// Only a failure waits for so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the host works on: a line every 0.3 s, with the time, so that it can be seen that it ran on.
const JOB: &str = r#"#!/bin/bash
for i in {1..200}; do
    printf '%s  \e[32mok\e[0m  step %3d of 200  \e[36m' "$(date +%T)" $i
    printf '%*s' $((i / 5 + 1)) '' | tr ' ' '='
    printf '\e[0m\n'
    sleep 0.3
done
"#;

/// The host's shell.
const BASHRC: &str = r"PS1='\[\e[1;32m\]dev@server\[\e[0m\]:\[\e[1;34m\]\w\[\e[0m\]\$ '
bind 'set enable-bracketed-paste off'
";

/// Plays the story with this netroam; what the terminal showed.
pub(crate) fn play(netroam: &Path, date: &str) -> Result<Film> {
    let lab = Lab::builder().rtt(RTT).start()?;
    furnish(&lab)?;
    lab.arrive(Net::Home)?;
    lab.laptop().sh(&format!(
        "HOME={} ssh -F {} work true",
        lab.home_dir().display(),
        lab.home_dir().join(".ssh/config").display()
    ))?;
    let path = format!(
        "{}:/usr/bin:/bin",
        netroam
            .parent()
            .context("netroam is in a directory")?
            .display()
    );
    let env = [
        ("PATH", &*path),
        ("PS1", r"\[\e[1;35m\]me@laptop\[\e[0m\]:~$ "),
    ];
    let shell = ["bash", "--norc", "--noprofile"];
    let terminal = lab.terminal_with(&shell, ROWS, COLUMNS, &env)?;
    terminal.wait_for_text("$ ", PATIENCE)?;

    let began = SystemTime::now();
    pause(0.9);
    enter(&terminal, "netroam watch work")?;
    terminal.wait_for_text("dev@server", PATIENCE)?;
    pause(0.9);
    enter(&terminal, "./long-job")?;
    terminal.wait_for_text("step  10", PATIENCE)?;
    pause(0.1);

    let lost = SystemTime::now();
    lab.leave(Net::Home)?;
    terminal.wait_for_text("waiting for the network", PATIENCE)?;
    pause(3.5);

    let came = SystemTime::now();
    lab.arrive(Net::Cafe)?;
    terminal.wait_until(PATIENCE, "the session again", |parser| {
        let text = parser.screen().contents();
        (!text.contains("netroam: ") && text.contains(" step ")).then_some(())
    })?;
    let back = SystemTime::now();
    pause(4.5);
    let ended = SystemTime::now();

    let since = |moment| Duration::from_secs_f64(seconds(began, moment));
    let scene = |at, colour, place: &str, text: String| Scene {
        at: since(at),
        colour,
        place: place.to_owned(),
        text,
    };
    let address = |net: Net| format!("{} {}", net.interface(), net.v4(Lab::HOST));
    Ok(Film {
        title: "netroam watch work".into(),
        description: format!(
            "Made by scripts/record on {date} from a real run of netroam, ssh, sshd and screen: a laptop, two networks and a server in \
             network namespaces of one machine, {} ms from laptop to server and back. Nothing is sped up.",
            RTT.as_millis()
        ),
        frames: frames(&terminal.raw(), began, ROWS, COLUMNS)?,
        rows: ROWS,
        columns: COLUMNS,
        scenes: vec![
            scene(began, "#3fb950", "at home", address(Net::Home)),
            scene(
                lost,
                "#f85149",
                "no network",
                format!(
                    "home is gone, and nothing else there for {:.1} seconds",
                    seconds(lost, came)
                ),
            ),
            scene(came, "#58a6ff", "in the café", address(Net::Cafe)),
            scene(
                back,
                "#58a6ff",
                "in the café",
                format!(
                    "{}; attached again after {:.1} seconds, and the job never stopped",
                    address(Net::Cafe),
                    seconds(came, back)
                ),
            ),
        ],
        still: since(came).saturating_sub(Duration::from_millis(50)),
        length: since(ended),
    })
}

/// The job and the shell on the server; the host `work` at its IPv4 address, because that is shorter.
fn furnish(lab: &Lab) -> Result<()> {
    let dev = lab.server().home_of("dev");
    for (name, text) in [("long-job", JOB), (".bashrc", BASHRC)] {
        fs::write(dev.join(name), text)?;
    }
    lab.server().sh_as("dev", "true")?;
    lab.server()
        .node()
        .sh(&format!("chmod 755 {}/long-job", dev.display()))?;
    let config = lab.home_dir().join(".ssh/config");
    let text = fs::read_to_string(&config)?;
    fs::write(
        config,
        text.replacen("server.example", "server4.example", 1),
    )?;
    Ok(())
}

/// Types as a person does.
fn enter(terminal: &Terminal, text: &str) -> Result<()> {
    for key in text.chars() {
        terminal.type_keys(&key.to_string())?;
        pause(0.07);
    }
    pause(0.35);
    terminal.type_keys("\r")
}

fn pause(seconds: f64) {
    thread::sleep(Duration::from_secs_f64(seconds));
}
