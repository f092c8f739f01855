//! The demo: the main job, shown in the lab with a real sshd and screen; or hands on.

#![expect(clippy::print_stdout, reason = "it shows something")]

mod hands_on;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use netroam_lab::{Client, Lab, Mux, Net};

const USAGE: &str = "usage: scripts/demo [--client netroam|loop|ssh] [--netroam PATH]
       scripts/demo --hands-on [--client …]      your terminal, attached; move the laptop from a second one:
       scripts/demo move home|cafe|tunnel|nowhere";

/// The host that the demo talks to, and the name of the session there.
const HOST: &str = "work";
const SESSION: &str = "demo";

/// Does what the command line says.
pub(crate) fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("demo: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut netroam = PathBuf::from("target/release/netroam");
    let mut client = "netroam".to_owned();
    let mut hands_on = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{argument} wants a value\n{USAGE}"))
        };
        match &*argument {
            "move" => {
                println!("{}", hands_on::ask(&value()?)?);
                return Ok(());
            }
            "--hands-on" => hands_on = true,
            "--client" => client = value()?,
            "--netroam" => netroam = value()?.into(),
            "-h" | "--help" => {
                println!("{USAGE}");
                return Ok(());
            }
            _other => bail!("what is {argument:?}?\n{USAGE}"),
        }
    }
    let netroam = std::path::absolute(&netroam)?;
    if hands_on {
        hands_on::run(&client, &netroam)
    } else {
        show::run(&client, &netroam)
    }
}

fn client(lab: &Lab, name: &str, netroam: &Path) -> Result<Client> {
    Ok(match name {
        "netroam" => {
            ensure!(
                netroam.exists(),
                "there is no {}: build it, or give --netroam PATH",
                netroam.display()
            );
            Client::netroam(lab, netroam, HOST, Mux::Screen, SESSION)
        }
        "loop" => Client::ssh_loop(lab, HOST, Mux::Screen, SESSION),
        "ssh" => Client::ssh(lab, HOST, Mux::Screen, SESSION),
        _other => bail!("no client is called {name:?}\n{USAGE}"),
    })
}

/// Where the laptop can be moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Home,
    Cafe,
    /// The café again with another lease, and a tunnel through which all goes that is for the server.
    Tunnel,
    Nowhere,
}

impl Place {
    fn named(name: &str) -> Result<Self> {
        Ok(match name.trim() {
            "home" => Self::Home,
            "cafe" | "café" => Self::Cafe,
            "tunnel" => Self::Tunnel,
            "nowhere" => Self::Nowhere,
            other => bail!("{other:?} is not on the map: home, cafe, tunnel or nowhere"),
        })
    }

    /// Moves the laptop there from wherever it is.
    fn enter(self, lab: &Lab) -> Result<()> {
        match self {
            Self::Home => {
                lab.tunnel_down();
                lab.move_to(Net::Home)
            }
            Self::Cafe => {
                lab.tunnel_down();
                lab.move_to(Net::Cafe)
            }
            Self::Tunnel => {
                Self::Nowhere.enter(lab)?;
                lab.arrive_as(Net::Cafe, Lab::HOST + 1, Lab::METRIC)?;
                lab.tunnel_up(2)
            }
            Self::Nowhere => {
                lab.tunnel_down();
                Net::ALL.iter().try_for_each(|&net| lab.leave(net))
            }
        }
    }

    fn text(self) -> String {
        match self {
            Self::Home => format!(
                "at home: home0, {} and {}",
                Net::Home.v4(Lab::HOST),
                Net::Home.v6(Lab::HOST)
            ),
            Self::Cafe => format!(
                "in the café: cafe0, {} and {}",
                Net::Cafe.v4(Lab::HOST),
                Net::Cafe.v6(Lab::HOST)
            ),
            Self::Tunnel => "in the café, behind a tunnel: vpn0, 10.8.0.2 and fd08::2".to_owned(),
            Self::Nowhere => "nowhere: no network at all".to_owned(),
        }
    }
}
