//! The main job, step by step, with the times.

use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use netroam_lab::{
    Client, KernelEvent, KernelEvents, Lab, Mux, Net, Proc, Sniffer, Terminal, exit_time, seconds,
};

use super::{HOST, Place, SESSION};

/// How long a client may take before the demo gives up: a shell loop with keepalives needs 15 s.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(name: &str, netroam: &Path) -> Result<()> {
    println!(
        "A laptop, home, a café, a tunnel and a server, in network namespaces of this machine;"
    );
    println!(
        "a real sshd and screen on the server, {name} on the laptop. Nothing leaves this machine."
    );
    let lab = Lab::new()?;
    let client = super::client(&lab, name, netroam)?;
    let watch = Watch {
        events: lab.kernel_events()?,
        sniffer: lab.sniff()?,
    };

    heading("1. At home");
    lab.arrive(Net::Home)?;
    println!("The laptop is {}.", Place::Home.text());
    let words: Vec<_> = client
        .arguments
        .iter()
        .map(|word| word.to_string_lossy())
        .collect();
    println!("$ {}\n", words.join(" "));
    let started = SystemTime::now();
    let terminal = lab.run(&client)?;
    terminal.wait_for_text("dev@server", PATIENCE)?;
    println!(
        "Attached {:.2} s after Enter. Now a program is started there that counts on, twenty times a second:",
        since(started)
    );
    terminal.type_keys(&format!("exec {}\r", lab.probe_command()))?;
    terminal.wait_for_tick(SystemTime::now(), PATIENCE)?;
    pause(1.0);
    draw(&terminal);

    heading("2. To the café");
    println!(
        "The laptop leaves home: its link and its addresses are gone. Nothing else is there for 4 s.\n"
    );
    let ssh = ssh_of(&terminal)?;
    let ended = ssh.as_ref().map(|ssh| exit_time(ssh.pid)).transpose()?;
    let leaving = SystemTime::now();
    Place::Nowhere.enter(&lab)?;
    pause(4.0);
    let lost = watch.first_event(leaving)?;
    match ended.and_then(|ended| ended.try_recv().ok()) {
        Some(at) => println!(
            "The ssh that had become stale was gone {:.1} ms after the kernel told of it.",
            seconds(lost, at) * 1e3
        ),
        None => println!("Its ssh has not noticed anything: it is still there."),
    }
    println!(
        "What the terminal shows meanwhile, with {} ssh running:",
        Proc::ssh_below(terminal.pid())?.len()
    );
    draw(&terminal);
    arrive(&lab, &watch, &terminal, Place::Cafe)?;

    heading("3. Behind a tunnel");
    println!(
        "The café gives another address, and a VPN comes up: what is for the server goes through it.\n"
    );
    arrive(&lab, &watch, &terminal, Place::Tunnel)?;

    heading("4. Home again, the tunnel gone");
    without_tunnel(&lab, &watch, &terminal)?;

    heading("For comparison");
    let typed = SystemTime::now();
    let by_hand = lab.run(&Client::ssh(&lab, HOST, Mux::Screen, &session_there(&lab)?))?;
    let tick = by_hand.wait_for_tick(typed, PATIENCE)?;
    println!(
        "The same by hand, a bare ssh -t {HOST} screen -d -R, from Enter: {:.2} s.",
        seconds(typed, tick.seen)
    );
    Ok(())
}

/// Moves the laptop and tells how long it took until the session was usable.
fn arrive(lab: &Lab, watch: &Watch, terminal: &Terminal, place: Place) -> Result<()> {
    let moving = SystemTime::now();
    place.enter(lab)?;
    let moved = SystemTime::now();
    println!("The laptop is {}.", place.text());
    // Written after the move, so it came over the new path.
    let tick = terminal.wait_for_tick(moved, PATIENCE)?;
    let route = watch.route_came(moving).unwrap_or(moved);
    // A dial that began on the path before says nothing of this one.
    let syns = watch.sniffer.syns(moving);
    if let Some(syn) = syns.iter().find(|syn| syn.at >= route) {
        println!(
            "The next connection's first packet left {:.1} ms after the kernel told of the new path.",
            seconds(route, syn.at) * 1e3
        );
    }
    println!(
        "Usable again {:.2} s after the move: line {} of the program, which never stopped.",
        seconds(moved, tick.seen),
        tick.number
    );
    pause(1.0);
    draw(terminal);
    Ok(())
}

/// Home without the tunnel: who waits for one sends nothing past it until somebody presses Enter.
fn without_tunnel(lab: &Lab, watch: &Watch, terminal: &Terminal) -> Result<()> {
    let moving = SystemTime::now();
    Place::Home.enter(lab)?;
    println!("The laptop is {}.", Place::Home.text());
    pause(2.0);
    if terminal.screen().contains("waiting for a tunnel") {
        println!(
            "A session that went through a tunnel waits for one; connections begun past it in 2 s: {}.",
            watch.sniffer.syns(moving).len()
        );
        draw(terminal);
        println!("\nHere none is needed. Enter:");
        terminal.type_keys("\r")?;
    }
    let there = SystemTime::now();
    let tick = terminal.wait_for_tick(there, PATIENCE)?;
    println!(
        "Usable again {:.2} s later: line {} of the program, which never stopped.",
        seconds(there, tick.seen),
        tick.number
    );
    pause(1.0);
    draw(terminal);
    Ok(())
}

struct Watch {
    events: KernelEvents,
    sniffer: Sniffer,
}

impl Watch {
    fn first_event(&self, since: SystemTime) -> Result<SystemTime> {
        self.events
            .since(since)
            .first()
            .map(|event| event.at)
            .context("the kernel announced nothing")
    }

    /// When a default route came, or the tunnel's.
    fn route_came(&self, since: SystemTime) -> Option<SystemTime> {
        let events = self.events.since(since);
        let route = |event: &&KernelEvent| event.kind == "NEWROUTE";
        events
            .iter()
            .find(|event| event.default_route && route(event))
            .or(events.iter().rfind(route))
            .map(|event| event.at)
    }
}

fn ssh_of(terminal: &Terminal) -> Result<Option<Proc>> {
    let own = Proc::look(terminal.pid()).filter(|process| process.name == "ssh");
    Ok(own.or(Proc::ssh_below(terminal.pid())?.into_iter().next()))
}

/// The name of the screen session, as screen itself tells it.
fn session_there(lab: &Lab) -> Result<String> {
    let list = lab.server().sh_as("dev", "screen -ls || true")?;
    let name = list
        .lines()
        .find_map(|line| line.trim().split_once('.')?.1.split_whitespace().next());
    Ok(name.unwrap_or(SESSION).to_owned())
}

/// The last lines of the terminal's own screen, in a frame.
fn draw(terminal: &Terminal) {
    let screen = terminal.screen();
    let lines: Vec<_> = screen.trim_end().lines().collect();
    println!("  ┌{:─<82}┐", "");
    for line in &lines[lines.len().saturating_sub(6)..] {
        println!("  │ {line:<80} │");
    }
    println!("  └{:─<82}┘", "");
}

fn heading(text: &str) {
    println!(
        "\n── {text} {:─<width$}\n",
        "",
        width = 76_usize.saturating_sub(text.chars().count())
    );
}

fn since(moment: SystemTime) -> f64 {
    seconds(moment, SystemTime::now())
}

fn pause(seconds: f64) {
    thread::sleep(Duration::from_secs_f64(seconds));
}
