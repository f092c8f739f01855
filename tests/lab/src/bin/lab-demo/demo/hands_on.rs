//! The user's own terminal, attached; the laptop moved from a second one.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, bail};
use netroam_lab::Lab;

use super::Place;

/// Where the demo that runs listens. One at a time: a second one takes over.
const SOCKET: &str = "/run/netroam-demo.sock";

/// How an answer begins when the laptop was moved; anything else is why it was not.
const MOVED: &str = "moved: ";

/// Gives the user the client in a lab, and moves the laptop when asked to.
pub(crate) fn run(client: &str, netroam: &Path) -> Result<()> {
    let lab = Arc::new(Lab::new()?);
    lab.arrive(netroam_lab::Net::Home)?;
    let chosen = super::client(&lab, client, netroam)?;
    // What a demo that was killed left.
    let _absent = std::fs::remove_file(SOCKET);
    let listener =
        UnixListener::bind(SOCKET).with_context(|| format!("cannot listen at {SOCKET}"))?;
    println!(
        "The laptop is {}.\n\
         Move it from a second terminal:\n\n    scripts/demo move home|cafe|tunnel|nowhere\n\n\
         A program that shows that nothing is lost:  {}\n\
         To leave, end the remote shell (exit), or stop the client.\n\
         Press Enter to attach.",
        Place::Home.text(),
        lab.probe_command()
    );
    std::io::stdin().lock().read_line(&mut String::new())?;
    let mut command = lab.command(&chosen.arguments[0]);
    command
        .args(&chosen.arguments[1..])
        .envs(chosen.env.iter().map(|(key, value)| (key, value)));
    if let Some(term) = std::env::var_os("TERM") {
        command.env("TERM", term);
    }
    let mut child = lab.spawn(&mut command)?;
    let laptop = Arc::clone(&lab);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever asked has gone away if this fails.
            let _answered = serve(&laptop, stream);
        }
    });
    let status = child.wait()?;
    let _gone = std::fs::remove_file(SOCKET);
    println!("{client} ended: {status}");
    Ok(())
}

/// Asks the demo that runs for a move; its answer.
pub(crate) fn ask(place: &str) -> Result<String> {
    let mut stream = UnixStream::connect(SOCKET)
        .context("no demo is running: start one with scripts/demo --hands-on")?;
    writeln!(stream, "{place}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let moved = answer.trim_end().strip_prefix(MOVED);
    match moved {
        Some(place) => Ok(format!("the laptop is {place}")),
        None if answer.is_empty() => bail!("the demo ended meanwhile"),
        None => bail!("{}", answer.trim_end()),
    }
}

fn serve(lab: &Lab, mut stream: UnixStream) -> Result<()> {
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line)?;
    let answer = match Place::named(&line).and_then(|place| place.enter(lab).map(|()| place)) {
        Ok(place) => format!("{MOVED}{}", place.text()),
        Err(error) => format!("not moved: {error:#}"),
    };
    writeln!(stream, "{answer}")?;
    Ok(())
}
