//! `netroam status --follow`: a table on a terminal, rows in a pipe.

use std::os::unix::process::ExitStatusExt as _;

use netroam_lab::{Lab, Net, Terminal};
use nix::sys::signal::Signal;

use super::{
    many::{ask, configure, said, tunnel, up},
    support::{SOON, eventually, netroam, status},
};

fn words() -> [&'static str; 3] {
    [netroam().to_str().unwrap(), "status", "--follow"]
}

/// Waits until a line of the table begins with this name and has all of these words.
fn row(table: &Terminal, name: &str, words: &[&str]) {
    let what = format!("{name} with {words:?}");
    let seen = table.wait_until(SOON, &what, |terminal| {
        let text = terminal.screen().contents();
        let row = text.lines().find(|line| line.starts_with(name))?.to_owned();
        words.iter().all(|word| row.contains(word)).then_some(())
    });
    if let Err(error) = seen {
        panic!("{error:#}:\n{}", table.screen());
    }
}

#[test]
fn the_table_is_kept_up_to_date_in_place_and_leaves_the_terminal_as_it_was() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    // A shell, so that there is something to come back to.
    let table = lab.terminal(&["bash", "--norc", "-i"]).unwrap();
    table.type_keys("PS1='h''i> '; clear\r").unwrap();
    table.wait_for_text("hi> ", SOON).unwrap();
    let before = (table.termios().unwrap(), table.input_modes());
    table
        .type_keys(&format!("{}\r", words().join(" ")))
        .unwrap();
    status(&table, "netroam: no session runs");
    assert!(table.alternate_screen());

    // One that begins later is there, with its path and round-trip time.
    configure(&lab, &(tunnel("web", 8001) + &tunnel("db", 8002)));
    let mut sessions = up(&lab, &["web"]);
    row(&table, "web", &["attached", "home0", " ms"]);
    status(&table, "netroam: 1 session, 1 attached");

    // The network goes: the same row says so.
    lab.leave(Net::Home).unwrap();
    row(&table, "web", &["holding", "home0 lost"]);
    let screen = table.screen();
    let rows = screen.lines().filter(|line| line.starts_with("web"));
    assert_eq!(rows.count(), 1, "{screen}");
    lab.arrive(Net::Cafe).unwrap();
    row(&table, "web", &["attached", "cafe0", " ms"]);

    // Another size: nothing wraps, and what is beyond is counted.
    table.resize(8, 40).unwrap();
    let narrow = |terminal: &vt100::Screen| {
        let text = terminal.contents();
        let row = text
            .lines()
            .find(|line| line.starts_with("web"))?
            .to_owned();
        (!row.contains("cafe0") && text.lines().count() == 4).then_some(())
    };
    table
        .wait_until(SOON, "a narrow table", |terminal| narrow(terminal.screen()))
        .unwrap();
    table.resize(24, 80).unwrap();
    row(&table, "web", &["attached", "cafe0"]);

    // ^Z gives the terminal to the shell, and fg takes it again.
    table.type_keys("\x1a").unwrap();
    table.wait_for_text("Stopped", SOON).unwrap();
    assert!(!table.alternate_screen());
    table.type_keys("fg\r").unwrap();
    row(&table, "web", &["attached"]);
    assert!(table.alternate_screen());

    sessions.signal(Signal::SIGTERM).unwrap();
    sessions.wait_exit(SOON).unwrap();
    status(&table, "netroam: no session runs");

    table.type_keys("q").unwrap();
    table
        .wait_until(SOON, "the shell", |terminal| {
            let screen = terminal.screen();
            let text = screen.contents();
            (!screen.alternate_screen()
                && !screen.hide_cursor()
                && text.trim_end().ends_with("hi>"))
            .then_some(())
        })
        .unwrap();
    // What readline makes of it is the same as before.
    assert_eq!((table.termios().unwrap(), table.input_modes()), before);
    let history = table.history();
    assert!(!history.contains("no session runs"), "{history}");
    table.type_keys("echo st=$?\r").unwrap();
    table.wait_for_text("st=0", SOON).unwrap();
}

#[test]
fn signals_end_it_and_the_terminal_is_as_it_was() {
    let lab = Lab::new().unwrap();
    // A terminal that nothing has changed.
    let mut fresh = lab.terminal(&["true"]).unwrap();
    fresh.wait_exit(SOON).unwrap();
    let before = fresh.termios().unwrap();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let mut table = lab.terminal(&words()).unwrap();
        status(&table, "netroam: no session runs");
        assert_ne!(table.termios().unwrap(), before);
        if signal == Signal::SIGINT {
            table.type_keys("\x03").unwrap();
        } else {
            table.signal(signal).unwrap();
        }
        let ended = table.wait_exit(SOON).unwrap();
        assert_eq!(ended.signal(), Some(signal as i32));
        assert!(!table.alternate_screen());
        assert_eq!(table.screen(), "");
        assert_eq!(table.termios().unwrap(), before);
    }
    let mut table = lab.terminal(&words()).unwrap();
    status(&table, "netroam: no session runs");
    table.hang_up();
    let ended = table.wait_exit(SOON).unwrap();
    assert_eq!(ended.signal(), Some(Signal::SIGHUP as i32));
}

#[test]
fn without_a_screen_there_are_rows_until_no_netroam_runs() {
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    configure(&lab, &(tunnel("web", 8001) + &tunnel("db", 8002)));
    let mut first = up(&lab, &["web"]);
    eventually("web runs", || said(&ask(&lab, &["ls"])).contains("web"));
    let mut piped = lab.piped(&words(), &[]).unwrap();
    piped
        .wait_for_stdout("web: attached via home0", SOON)
        .unwrap();
    let mut dumb = lab
        .terminal_with(&words(), 24, 80, &[("TERM", "dumb")])
        .unwrap();
    status(&dumb, "web: attached via home0");
    // Whoever has read enough is not followed for, though nothing changes.
    let all = format!("{} status --follow | head -n 1", netroam().display());
    let mut enough = lab.piped(&["sh", "-c", &all], &[]).unwrap();
    assert!(enough.wait_exit(SOON).unwrap().success());
    assert!(enough.stdout().contains("web: attached via home0"));
    // One that begins later is followed as well.
    let mut named = lab
        .piped(&[&words()[..], &["db", "--json"]].concat(), &[])
        .unwrap();
    let config = lab.home_dir().join("second.toml");
    std::fs::write(&config, tunnel("db", 8002)).unwrap();
    let mut second = up(&lab, &["--config", config.to_str().unwrap()]);
    for piped in [&piped, &named] {
        let words = "attached via home0";
        piped.wait_for_stdout(words, SOON).unwrap();
    }
    named.wait_for_stdout("{\"id\":\"db\"", SOON).unwrap();
    for sessions in [&mut first, &mut second] {
        sessions.signal(Signal::SIGTERM).unwrap();
        sessions.wait_exit(SOON).unwrap();
    }
    assert!(piped.wait_exit(SOON).unwrap().success());
    assert!(named.wait_exit(SOON).unwrap().success());
    assert!(dumb.wait_exit(SOON).unwrap().success());
    assert!(!named.stdout().contains("\"id\":\"web\""));
    let shown = dumb.bytes();
    assert!(
        !shown.contains(&0x1b),
        "{}",
        String::from_utf8_lossy(&shown)
    );
    assert!(ask(&lab, &["status", "--follow"]).stdout.is_empty());
}
