//! `autossh -M 20000 -t HOST "screen -D -R NAME"`, on one laptop and on two.

use netroam_lab::{Lab, Mux, Net, Proc, Terminal};
use netroam_platform::clock;

use super::support::{SOON, Who, at_home, eventually};

fn start(lab: &Lab, who: Who, home: &str, command: &str) -> Terminal {
    let program = who.program(lab);
    let config = lab.ssh_config();
    let words = [
        program.to_str().unwrap(),
        "-M",
        // Two laptops do not share a loopback interface, and these two do.
        if home.is_empty() { "20000" } else { "20010" },
        "-F",
        config.to_str().unwrap(),
        "-t",
        "work",
        command,
    ];
    let home = lab.dir().join(format!("home{home}"));
    std::fs::create_dir_all(&home).unwrap();
    let home = home.to_str().unwrap();
    let env = [
        ("AUTOSSH_POLL", "5"),
        ("AUTOSSH_GATETIME", "0"),
        ("HOME", home),
        ("XDG_RUNTIME_DIR", home),
        ("XDG_STATE_HOME", home),
        ("XDG_CONFIG_HOME", home),
    ];
    lab.terminal_with(&words, 24, 80, &env).unwrap()
}

fn ticking(terminal: &Terminal) {
    if let Err(error) = terminal.wait_for_tick(clock::wall(), SOON) {
        panic!("{error:#}\nscreen:\n{}", terminal.screen());
    }
}

fn gives_way(terminal: &Terminal) {
    terminal
        .wait_for_text("attached elsewhere now, Enter takes it back", SOON)
        .unwrap();
    eventually("its ssh to be gone", || {
        Proc::ssh_below(terminal.pid()).unwrap().is_empty()
    });
}

#[test]
fn two_laptops_with_the_recipe_do_not_fight() {
    let lab = at_home();
    for (mux, command) in [
        (Mux::Screen, "screen -D -R probe"),
        (Mux::Tmux, "tmux attach -d -t probe"),
    ] {
        lab.start_probe(mux, "probe").unwrap();
        let mine = start(&lab, Who::Ours, "", command);
        ticking(&mine);
        lab.move_to(Net::Cafe).unwrap();
        ticking(&mine);
        let theirs = start(&lab, Who::Ours, "-2", command);
        ticking(&theirs);
        gives_way(&mine);
        // Not even a new network is a reason to steal it back.
        lab.move_to(Net::Home).unwrap();
        ticking(&theirs);
        gives_way(&mine);
        mine.type_keys("\r").unwrap();
        ticking(&mine);
        gives_way(&theirs);
        drop((mine, theirs));
        let end = match mux {
            Mux::Screen => "screen -S probe -X quit",
            Mux::Tmux => "tmux kill-server",
        };
        lab.server().sh_as("dev", end).unwrap();
    }
}

#[test]
fn autossh_itself_on_the_other_laptop_takes_the_session_and_keeps_it() {
    let lab = at_home();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let mine = start(&lab, Who::Ours, "", "screen -D -R probe");
    ticking(&mine);
    let theirs = start(&lab, Who::Real, "-2", "screen -D -R probe");
    ticking(&theirs);
    gives_way(&mine);
    ticking(&theirs);
}
