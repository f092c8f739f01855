//! A command of the user's own that takes a screen or tmux session, in every login shell: how it tells a loss from a session that was taken.

use netroam::context::{
    bootstrap::{TAKEN_OVER, When},
    recipe::Recipe,
};
use nix::sys::signal::{Signal, kill};

use crate::{
    client::Client,
    server::{SHELLS, Server},
};

const SCREEN: &str = "screen -D -R work";
const TMUX: &str = "tmux new-session -A -D -s work";

fn recipe(command: &str) -> Recipe {
    Recipe::of(&[command.into()]).unwrap()
}

fn run(server: &Server, shell: &str, command: &str) -> Client {
    Client::start(|log| {
        let log = log.to_str().unwrap();
        let options = [
            "-t",
            "-o",
            "BatchMode=yes",
            "-o",
            "LogLevel=DEBUG1",
            "-E",
            log,
        ];
        let mut words: Vec<String> = options.map(String::from).into();
        words.extend(server.login(shell));
        words.push(command.to_owned());
        words
    })
}

/// Types a sum until its result is there: the shell in the session answers.
fn answers(client: &mut Client, sum: u32) {
    let result = (sum + 1).to_string();
    for _ in 0..5 {
        client.type_in(&format!("expr {sum} + 1\r"));
        for _ in 0..50 {
            client.pump();
            if client.shown().contains(&result) {
                return;
            }
        }
    }
    client.expect(&result);
}

fn quit(server: &Server, shell: &str, command: &str) {
    let end = if command == SCREEN {
        "screen -S work -X quit; sleep 0.2"
    } else {
        "tmux kill-session -t work"
    };
    server.ask(shell, end);
}

#[test]
fn who_is_taken_over_by_another_of_its_kind_hears_of_it_and_does_not_come_back_by_itself() {
    let server = Server::start();
    for (number, shell) in (0..).zip(SHELLS) {
        let command = [SCREEN, TMUX][number % 2];
        let (mine, theirs) = (recipe(command), recipe(command));
        let mut first = run(&server, shell, &mine.command(When::First));
        answers(&mut first, 1000);
        let mut second = run(&server, shell, &theirs.command(When::First));
        answers(&mut second, 2000);
        assert_eq!(
            first.end().code(),
            Some(TAKEN_OVER),
            "{shell} {command}: {first}"
        );
        for when in [When::Again, When::Resumed] {
            let mut back = run(&server, shell, &mine.command(when));
            assert_eq!(
                back.end().code(),
                Some(TAKEN_OVER),
                "{shell} {command} {when:?}: {back}"
            );
        }
        answers(&mut second, 3000);
        quit(&server, shell, command);
        assert_eq!(second.end().code(), Some(0), "{shell} {command}: {second}");
    }
}

#[test]
fn a_reconnect_takes_the_session_from_its_own_stale_connection() {
    let server = Server::start();
    for (shell, command) in [("bash", SCREEN), ("fish", TMUX)] {
        let mine = recipe(command);
        let mut first = run(&server, shell, &mine.command(When::First));
        answers(&mut first, 1000);
        // The network swallows what it says: the server knows nothing of its end.
        kill(first.pid(), Signal::SIGSTOP).unwrap();
        for sum in [2000, 3000] {
            let mut again = run(&server, shell, &mine.command(When::Again));
            answers(&mut again, sum);
            if sum == 3000 {
                quit(&server, shell, command);
                assert_eq!(again.end().code(), Some(0), "{shell}: {again}");
            } else {
                kill(again.pid(), Signal::SIGKILL).unwrap();
                again.end();
            }
        }
    }
}

#[test]
fn somebody_who_takes_it_by_hand_is_not_fought_either_even_if_that_was_never_heard() {
    let server = Server::start();
    for (shell, command, by_hand) in [
        ("bash", SCREEN, SCREEN),
        ("tcsh", SCREEN, "screen -d -r work"),
        ("zsh", TMUX, "tmux attach -d -t work"),
    ] {
        let mine = recipe(command);
        let mut first = run(&server, shell, &mine.command(When::First));
        answers(&mut first, 1000);
        kill(first.pid(), Signal::SIGSTOP).unwrap();
        let mut hand = run(&server, shell, by_hand);
        answers(&mut hand, 2000);
        let mut back = run(&server, shell, &mine.command(When::Again));
        assert_eq!(
            back.end().code(),
            Some(TAKEN_OVER),
            "{shell} {by_hand}: {back}"
        );
        answers(&mut hand, 3000);
        // A person who asks for it gets it.
        let mut asked = run(&server, shell, &mine.command(When::First));
        answers(&mut asked, 4000);
        quit(&server, shell, command);
    }
}
