//! `netroam service install|uninstall|print`: has the system's own service manager run `netroam up` for this user.

use std::{
    env,
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, bail};
use etcetera::{BaseStrategy as _, base_strategy::choose_base_strategy};
use netroam_platform::{SERVICES, Services};
use nix::unistd::Uid;

use crate::{cli::ServiceVerb, report};

/// Where its file comes from, for who finds it.
const BY_INSTALL: &str = "Written by `netroam service install`.";
const BY_PACKAGE: &str = "Part of the package netroam: `netroam service print --program`.";
const NO_SERVICES: &str =
    "this system has no service manager for users that netroam knows; let yours run `netroam up`";

/// What the service is called.
const UNIT: &str = "netroam.service";
const LABEL: &str = "netroam.up";

/// The file that tells a service manager what to run, and the commands that tell it to read that file.
#[derive(Debug, PartialEq, Eq)]
struct Service {
    path: PathBuf,
    text: String,
    /// Each a program and its arguments.
    start: Vec<Vec<String>>,
    stop: Vec<Vec<String>>,
    /// After the file is gone.
    forget: Vec<Vec<String>>,
}

/// Does it, and says what it did.
#[expect(clippy::print_stdout, reason = "what was done is this verb's output")]
pub(super) fn run(verb: &ServiceVerb) -> Result<ExitCode> {
    let service = match verb {
        ServiceVerb::Print {
            program: Some(program),
        } => Service::of_a_package(program)?,
        ServiceVerb::Print { program: None }
        | ServiceVerb::Install { .. }
        | ServiceVerb::Uninstall { .. } => Service::of_this_user()?,
    };
    let path = service.path.display();
    match verb {
        ServiceVerb::Print { .. } => {
            print!("{}", service.text);
            Ok(ExitCode::SUCCESS)
        }
        ServiceVerb::Install { force } => {
            match service.write(*force)? {
                Written::New => println!("wrote {path}"),
                Written::Same => println!("{path} is as it should be"),
                Written::Replaced(old) => {
                    println!("replaced {path}; what it was is in {}", old.display());
                }
                Written::Differs => {
                    report::line(&format!(
                        "{path} is there and is not what this netroam would write; it stays"
                    ));
                    report::line("hint: netroam service print shows that, and --force replaces it");
                    return Ok(ExitCode::FAILURE);
                }
            }
            Ok(told(&service.start))
        }
        ServiceVerb::Uninstall { force } => {
            let found = read(&service.path)?;
            match found {
                None => {
                    println!("{path} is not there");
                    return Ok(ExitCode::SUCCESS);
                }
                Some(found) if found != service.text && !force => {
                    report::line(&format!(
                        "{path} is not what this netroam would have written; it stays"
                    ));
                    report::line("hint: --force removes it all the same");
                    return Ok(ExitCode::FAILURE);
                }
                Some(_) => {}
            }
            let stopped = told(&service.stop);
            fs::remove_file(&service.path).with_context(|| format!("cannot remove {path}"))?;
            println!("removed {path}");
            told(&service.forget);
            Ok(stopped)
        }
    }
}

/// What became of the file.
#[derive(Debug, PartialEq, Eq)]
enum Written {
    New,
    Same,
    /// It is there, is another one, and was left alone.
    Differs,
    /// The one before is here.
    Replaced(PathBuf),
}

impl Service {
    /// Runs this very program, for who calls it.
    fn of_this_user() -> Result<Self> {
        let base = choose_base_strategy().context("cannot find the home directory")?;
        let program = env::current_exe().context("cannot find netroam's own program")?;
        match SERVICES {
            Services::Systemd => Ok(Self::of_systemd(
                utf8(&program)?,
                BY_INSTALL,
                &base.config_dir().join("systemd/user"),
            )),
            Services::Launchd => Ok(Self::of_launchd(
                utf8(&program)?,
                BY_INSTALL,
                &base.home_dir().join("Library/LaunchAgents"),
                Some(&base.home_dir().join("Library/Logs/netroam.log")),
            )),
            Services::None => bail!(NO_SERVICES),
        }
    }

    /// Runs the program of a package, for each user who asks for it: it names no home.
    fn of_a_package(program: &Path) -> Result<Self> {
        if !program.is_absolute() {
            bail!("{} is no absolute path", program.display());
        }
        match SERVICES {
            Services::Systemd => Ok(Self::of_systemd(
                utf8(program)?,
                BY_PACKAGE,
                Path::new("/usr/lib/systemd/user"),
            )),
            Services::Launchd => Ok(Self::of_launchd(
                utf8(program)?,
                BY_PACKAGE,
                Path::new("/Library/LaunchAgents"),
                None,
            )),
            Services::None => bail!(NO_SERVICES),
        }
    }

    /// A unit of the user's manager, in this directory (systemd.unit(5), systemd.service(5)).
    fn of_systemd(program: &str, by: &str, folder: &Path) -> Self {
        // Specifiers, and what a double quote would end (systemd.service(5), "Command lines"). A dollar sign is one: variables are
        // replaced in the arguments alone.
        let program = program
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('%', "%%");
        let text = [
            &format!("# {by}"),
            "[Unit]",
            "Description=The ssh sessions that netroam keeps connected",
            "Documentation=man:netroam-up(1)",
            "",
            "[Service]",
            "Type=notify",
            &format!("ExecStart=\"{program}\" up"),
            "ExecReload=kill -HUP $MAINPID",
            "# It ends its ssh processes itself.",
            "KillMode=mixed",
            "Restart=on-failure",
            "RestartSec=10",
            "# A configuration that is wrong is not mended by trying again.",
            &format!("RestartPreventExitStatus={}", report::status::USAGE),
            "",
            "[Install]",
            "WantedBy=default.target",
            "",
        ]
        .join("\n");
        let systemctl = |words: &[&str]| {
            let words = [&["systemctl", "--user"], words].concat();
            words.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        Self {
            path: folder.join(UNIT),
            text,
            start: vec![
                systemctl(&["daemon-reload"]),
                systemctl(&["enable", "--now", UNIT]),
            ],
            stop: vec![systemctl(&["disable", "--now", UNIT])],
            forget: vec![systemctl(&["daemon-reload"])],
        }
    }

    /// An agent of launchd's, in this directory (launchd.plist(5), launchctl(1)). What it says on stderr goes to `log`; without one it is
    /// lost, for launchd knows no home in a path, and only netroam's own log remains.
    fn of_launchd(program: &str, by: &str, folder: &Path, log: Option<&Path>) -> Self {
        let escaped = |text: &str| {
            text.replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
        };
        let program = escaped(program);
        let log = log.map_or_else(String::new, |log| {
            format!(
                "    <key>StandardErrorPath</key>\n    <string>{}</string>\n",
                escaped(&log.to_string_lossy())
            )
        });
        let text = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- {by} -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
    <key>Label</key>
    <string>{LABEL}</string>
    <key>ProgramArguments</key>
    <array>
        <string>{program}</string>
        <string>up</string>
    </array>
    <key>RunAtLoad</key>
    <true/>
    <key>KeepAlive</key>
    <dict>
        <key>SuccessfulExit</key>
        <false/>
    </dict>
{log}</dict>
</plist>
"#
        );
        let path = folder.join(format!("{LABEL}.plist"));
        let domain = format!("gui/{}", Uid::current());
        let launchctl = |words: &[&str]| {
            let words = [&["launchctl"], words].concat();
            words.into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        Self {
            start: vec![launchctl(&["bootstrap", &domain, &path.to_string_lossy()])],
            stop: vec![launchctl(&["bootout", &format!("{domain}/{LABEL}")])],
            forget: Vec::new(),
            path,
            text,
        }
    }

    fn write(&self, force: bool) -> Result<Written> {
        let context = || format!("cannot write {}", self.path.display());
        let written = match read(&self.path)? {
            Some(found) if found == self.text => return Ok(Written::Same),
            Some(_) if !force => return Ok(Written::Differs),
            Some(_) => {
                let mut old = self.path.clone().into_os_string();
                old.push(".old");
                let old = PathBuf::from(old);
                fs::rename(&self.path, &old).with_context(context)?;
                Written::Replaced(old)
            }
            None => Written::New,
        };
        if let Some(folder) = self.path.parent() {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
            made.with_context(context)?;
        }
        // What a link that leads nowhere would make elsewhere is not ours to make.
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.path)
            .with_context(context)?;
        file.write_all(self.text.as_bytes()).with_context(context)?;
        Ok(written)
    }
}

/// The path as a file of UTF-8 can name it.
fn utf8(program: &Path) -> Result<&str> {
    program
        .to_str()
        .with_context(|| format!("{} cannot be named in a file of UTF-8", program.display()))
}

/// What is in the file; none if there is none.
fn read(path: &Path) -> Result<Option<String>> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => read
            .map(Some)
            .with_context(|| format!("cannot read {}", path.display())),
    }
}

/// Tells the service manager; what it does not take is said, with what is to be done by hand.
fn told(commands: &[Vec<String>]) -> ExitCode {
    for command in commands {
        let [program, words @ ..] = &command[..] else {
            continue;
        };
        let why = match Command::new(program).args(words).output() {
            Ok(output) if output.status.success() => continue,
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        let command = command.join(" ");
        report::line(&report::plain(&format!(
            "{command}: {}",
            why.replace('\n', "; ")
        )));
        report::line(
            "hint: the file is as it should be; run that by hand where the service manager runs",
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_is_a_property_list_that_names_the_program_whatever_it_is_called() {
        let service = Service::of_launchd(
            "/opt/a & b/netroam",
            BY_INSTALL,
            Path::new("/Users/me/Library/LaunchAgents"),
            Some(Path::new("/Users/me/Library/Logs/netroam.log")),
        );
        assert_eq!(
            service.path,
            Path::new("/Users/me/Library/LaunchAgents/netroam.up.plist")
        );
        assert!(
            service
                .text
                .contains("<string>/opt/a &amp; b/netroam</string>\n        <string>up</string>")
        );
        assert!(
            service
                .text
                .contains("<string>/Users/me/Library/Logs/netroam.log</string>")
        );
        assert_eq!(service.start[0][..2], ["launchctl", "bootstrap"]);
    }

    #[test]
    fn an_agent_of_a_package_names_nobodys_home() {
        let folder = Path::new("/Library/LaunchAgents");
        let service = Service::of_launchd("/usr/local/bin/netroam", BY_PACKAGE, folder, None);
        assert!(!service.text.contains("StandardErrorPath"));
        assert!(service.text.ends_with("    </dict>\n</dict>\n</plist>\n"));
    }

    #[test]
    fn a_unit_quotes_what_systemd_would_read() {
        let program = "/opt/100% \"of\" $HOME/netroam";
        let service = Service::of_systemd(program, BY_INSTALL, Path::new("/c"));
        assert!(
            service
                .text
                .contains("ExecStart=\"/opt/100%% \\\"of\\\" $HOME/netroam\" up\n"),
            "{}",
            service.text
        );
    }

    #[test]
    fn what_a_person_changed_is_replaced_only_when_that_is_said() {
        let home = tempfile::tempdir().unwrap();
        let service = Service::of_systemd(
            "/usr/bin/netroam",
            BY_INSTALL,
            &home.path().join("systemd/user"),
        );
        assert_eq!(service.write(false).unwrap(), Written::New);
        assert_eq!(service.write(false).unwrap(), Written::Same);
        fs::write(&service.path, "mine").unwrap();
        assert_eq!(service.write(false).unwrap(), Written::Differs);
        assert_eq!(fs::read_to_string(&service.path).unwrap(), "mine");
        let old = home.path().join("systemd/user/netroam.service.old");
        assert_eq!(service.write(true).unwrap(), Written::Replaced(old.clone()));
        assert_eq!(fs::read_to_string(old).unwrap(), "mine");
        assert_eq!(fs::read_to_string(&service.path).unwrap(), service.text);
    }
}
