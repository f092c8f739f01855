//! What a host has, and how it is reached.

use std::{net::IpAddr, time::Duration};

use super::Finding;
use crate::{
    connect::Failure,
    context::{Mux, Survey},
    control::Want,
    record::Connects,
    report::{self, duration},
};

/// A clock that is off by more is worth a word: a one-time password is good for 30 s and one step more (RFC 6238, 5.2). netroam itself compares no
/// clocks of two machines: who attached last is told by a process's start on the host itself.
const OFF: u64 = 60;

/// What ssh makes of the host.
pub fn ssh_configuration(is: &str, connects: &str, overridden: &[String]) -> Finding {
    let otherwise = match overridden {
        [] => String::new(),
        some => format!("; otherwise than yours: {}", some.join(", ")),
    };
    Finding::ok("ssh-configuration", format!("{is}; {connects}{otherwise}"))
}

/// What ssh says of a configuration that it does not take.
pub fn ssh_configuration_wrong(said: &str) -> Finding {
    Finding::wrong(
        "ssh-configuration",
        said,
        "ssh -G HOST shows what ssh makes of it",
    )
}

/// Options that contradict each other, as `watch` says it.
pub fn refused(error: &str, hint: &str) -> Finding {
    Finding::wrong("context", error, hint)
}

/// Who connects, and to what first.
pub fn connects(connects: Connects, first: Option<&str>) -> String {
    let first = first.unwrap_or("an unknown host");
    match connects {
        Connects::Netroam => "netroam connects".into(),
        Connects::SshAsAsked => "ssh connects, as you wish".into(),
        Connects::ProxyJump => format!("ssh connects (ProxyJump), first to {first}"),
        Connects::ProxyCommand => {
            "ssh connects (ProxyCommand), to what only that program knows".into()
        }
    }
}

/// Over what the host may be reached, and by which path it is now.
pub fn via(want: &Want, path: Option<&str>) -> Finding {
    let why = if want.learnt {
        "the last good connection went through one".to_owned()
    } else {
        format!("via {}", want.via)
    };
    let now = path.map_or_else(
        || "none is known now".to_owned(),
        |path| format!("now {path}"),
    );
    Finding::ok("via", format!("wanted is {} ({why}); {now}", want.wanted))
}

/// The host is not asked: a session would wait for this.
pub fn would_wait(wanted: &str) -> Finding {
    Finding::warning(
        "answer",
        format!(
            "not asked: a session would wait for {wanted} now, so nothing was sent to the host"
        ),
        "bring it up and ask again; --via any asks over whatever is there",
    )
}

/// The host is not asked: there is no network.
pub fn offline() -> Finding {
    Finding::warning(
        "answer",
        "not asked: there is no path to the host now, a session would wait for the network",
        "ask again when there is one",
    )
}

/// The name has these addresses.
pub fn name(name: &str, addresses: &[IpAddr]) -> Finding {
    let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    Finding::ok("name", format!("{name} resolves to {}", all.join(", ")))
}

/// The name does not resolve, in the resolver's words; whether an address that answered before is there instead.
pub fn no_name(name: &str, words: &str, known: bool) -> Finding {
    let check = "name";
    if known {
        return Finding::warning(
            check,
            format!(
                "{name} does not resolve here ({words}); the address that answered last is tried"
            ),
            "is this the right network? a name of a VPN's needs that",
        );
    }
    Finding::wrong(
        check,
        format!("{name} does not resolve here ({words})"),
        "is it misspelt? where only a VPN knows the name, --via tunnel has sessions wait for that",
    )
}

/// What netroam is to connect from is nothing that it understands, as `watch` says it.
pub fn refused_dial(error: &str, hint: &str) -> Finding {
    Finding::wrong("answer", error, hint)
}

/// An ssh server answers.
pub fn answers(peer: &str, banner: &str) -> Finding {
    Finding::ok("answer", format!("{peer} says {banner}"))
}

/// None does.
pub fn no_answer(host: &str, failure: &Failure) -> Finding {
    let text = report::failure(host, failure);
    let hint = match failure {
        Failure::Closed(_) | Failure::Silent(_) | Failure::Foreign { .. } => {
            "open any page in a browser and log in to this network; a session would wait for that"
        }
        Failure::Busy { .. } => "wait some minutes: the server counts logins that failed",
        Failure::Refused(_) => "is the port right, and does sshd run there?",
        Failure::Resolve(_) | Failure::NoSuchName(_) => "is it misspelt?",
        Failure::Local(_) => "what is bound to (BindAddress, BindInterface) must be there",
        Failure::Astray(_) | Failure::Unreachable(_) | Failure::TimedOut => {
            "is the host up, and does this network let ssh out? does it need a VPN?"
        }
    };
    Finding::wrong("answer", text, hint)
}

/// ssh connects by itself, so that only the login tells.
pub fn ssh_connects() -> Finding {
    Finding::ok("answer", "ssh connects, so the login tells")
}

/// What the host has; `ahead` is its clock less ours, in seconds.
pub fn survey(
    host: &str,
    survey: &Survey,
    mux: Option<Mux>,
    term: &str,
    ahead: Option<i64>,
) -> Vec<Finding> {
    let mut findings = vec![Finding::ok("remote-system", survey.system.as_str())];
    findings.push(context(host, survey, mux));
    findings.extend(terminfo(host, survey, term));
    findings.push(sessions(survey));
    findings.extend(ahead.map(clock));
    findings.push(writable(host, survey.writable));
    findings.extend(survey.charmap.as_deref().map(locale));
    findings
}

fn context(host: &str, survey: &Survey, mux: Option<Mux>) -> Finding {
    let check = "context";
    let screen = survey
        .screen
        .as_ref()
        .map(|version| format!("screen {version}"));
    let tmux = survey
        .tmux
        .as_ref()
        .map(|version| format!("tmux {version}"));
    let (taken, other, word) = match mux {
        None => {
            let text = "none is wanted: what runs there ends with its connection";
            return Finding::ok(check, text);
        }
        Some(Mux::Auto) if screen.is_some() => (screen, tmux, "auto"),
        Some(Mux::Auto) => (tmux, None, "auto"),
        Some(Mux::Screen) => (screen, tmux, "screen"),
        Some(mux @ (Mux::Tmux | Mux::TmuxControl)) => (tmux, screen, mux.word()),
    };
    let Some(taken) = taken else {
        let missing = if word == "auto" {
            "screen or tmux"
        } else {
            word
        };
        let instead = other.map_or_else(String::new, |other| format!(" ({other} is there)"));
        return Finding::warning(
            check,
            format!(
                "no {missing} on {host}{instead}: a plain shell, which does not survive a lost connection"
            ),
            format!("have screen or tmux installed on {host}"),
        );
    };
    let beside = other.map_or_else(String::new, |other| format!("; {other} is there, too"));
    Finding::ok(check, format!("{taken} keeps the work ({word}){beside}"))
}

fn terminfo(host: &str, survey: &Survey, term: &str) -> Option<Finding> {
    let check = "terminfo";
    Some(if survey.terminfo? {
        Finding::ok(check, format!("{host} knows {term}"))
    } else {
        Finding::warning(
            check,
            format!("{host} does not know {term}: sessions there use xterm-256color"),
            format!("infocmp -x {term} | ssh {host} tic -x -"),
        )
    })
}

fn sessions(survey: &Survey) -> Finding {
    let names = survey.sessions.iter().map(|session| {
        let whose = if session.ours { ", netroam's" } else { "" };
        format!("{} ({}{whose})", session.name, session.mux)
    });
    let text = match names.collect::<Vec<_>>() {
        none if none.is_empty() => "none was seen there".to_owned(),
        some => some.join(", "),
    };
    Finding::ok("remote-sessions", text)
}

fn clock(ahead: i64) -> Finding {
    let check = "clock";
    let off = ahead.unsigned_abs();
    if off <= 2 {
        return Finding::ok(check, "the same as ours");
    }
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    let text = format!("{} {way} ours", duration(Duration::from_secs(off)));
    if off <= OFF {
        return Finding::ok(check, text);
    }
    Finding::warning(
        check,
        format!(
            "{text}: one-time passwords fail, and times in logs do not match; netroam itself compares none"
        ),
        "have both machines ask a time server (timedatectl set-ntp true)",
    )
}

fn writable(host: &str, writable: bool) -> Finding {
    let check = "remote-directory";
    if writable {
        return Finding::ok(check, "~/.ssh can be written to");
    }
    Finding::warning(
        check,
        format!(
            "~/.ssh on {host} cannot be written to: two laptops take one session from each other, and the agent's path changes at each reconnect"
        ),
        format!("on {host}: is the disk full, whose is ~/.ssh? chmod u+w ~/.ssh"),
    )
}

fn locale(charmap: &str) -> Finding {
    let check = "locale";
    if charmap.eq_ignore_ascii_case("UTF-8") {
        return Finding::ok(check, charmap);
    }
    Finding::warning(
        check,
        format!("{charmap} without a login shell: programs may show letters beyond ASCII wrongly"),
        "SendEnv LANG in ~/.ssh/config, or LANG=C.UTF-8 in what the login shell reads there",
    )
}

/// Beside the command that the first `netroam watch HOST` passes to ssh; the token in it, where it is netroam's own.
pub fn first_command(host: &str, token: Option<&str>) -> String {
    match token {
        Some(token) => format!(
            "what the first `netroam watch {host}` passes to ssh as its last word; {token} is another one in each netroam"
        ),
        None => format!("what `netroam watch {host}` passes to ssh: your own command"),
    }
}

/// ssh gets no command at all.
pub fn no_command(host: &str) -> String {
    format!("`netroam watch {host}` passes no command to ssh")
}
