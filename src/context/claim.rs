//! Which session names are in use on this laptop, so that two terminals to one host are two sessions.
//!
//! One file for each user, host, port and name, locked with flock(2) for the life of the process: the kernel takes the lock away however it
//! ends. The file itself stays; to remove it would let two processes lock two files of the same name.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use netroam_platform::clock;
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use thiserror::Error;

use super::name::Name;
use crate::{
    dirs::{self, Unusable},
    file_name,
};

/// How many terminals to one host are looked at before giving up.
const MOST: u32 = 1000;

/// A session name that is this process's on this laptop, until it is dropped.
#[derive(Debug)]
pub struct Claim {
    name: Name,
    _lock: Flock<File>,
}

/// Somebody on this laptop has the session.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("in use by process {pid} on {tty}")]
pub struct InUse {
    /// The process that has it; 0 in the moment between its lock and its first word.
    pub pid: i32,
    /// Its terminal.
    pub tty: String,
}

/// Where claims are kept, and for which host.
#[derive(Clone, Debug)]
pub struct Claims {
    directory: PathBuf,
    host: String,
}

impl Claims {
    /// The claims on `user@hostname:port` in `directory`, which is made if need be.
    ///
    /// # Errors
    /// A directory that is not this user's alone: in a shared place, somebody else could have put it there.
    pub fn new(directory: &Path, user: &str, hostname: &str, port: u16) -> Result<Self> {
        Self::on(
            directory,
            file_name::of(&format!("{user}@{hostname}:{port}")),
        )
    }

    /// The claims on the sessions that the configuration names, in the same directory. No host is called as these are: each has an `@`.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn of_named(directory: &Path) -> Result<Self> {
        Self::on(directory, "named".into())
    }

    fn on(directory: &Path, host: String) -> Result<Self> {
        dirs::own(directory).map_err(|error| Unusable::Own(error.to_string()))?;
        Ok(Self {
            directory: directory.to_owned(),
            host,
        })
    }

    /// The directory to use: `$XDG_RUNTIME_DIR/netroam`, or else `run` in netroam's state directory.
    pub fn directory(runtime: Option<&Path>, state: &Path) -> PathBuf {
        runtime
            .filter(|path| path.is_absolute())
            .map_or_else(|| state.join("run"), |path| path.join("netroam"))
    }

    /// Claims `base`, or the first free of `base-2`, `base-3`…; `tty` is what others are told.
    ///
    /// # Errors
    /// The directory cannot be used, or a thousand names are taken.
    pub fn first_free(&self, base: &Name, tty: &str) -> Result<Claim> {
        for number in 1..=MOST {
            if let Ok(claim) = self.named(&base.numbered(number), tty)? {
                return Ok(claim);
            }
        }
        bail!("{MOST} sessions of the name {base} are in use")
    }

    /// Claims exactly `name`, or says who has it.
    ///
    /// # Errors
    /// The directory cannot be used.
    pub fn named(&self, name: &Name, tty: &str) -> Result<Result<Claim, InUse>> {
        let path = self.directory.join(format!("{}-{name}.lock", self.host));
        let context = || Unusable::Own(format!("cannot lock {}", path.display()));
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(nix::libc::O_NOFOLLOW)
            .open(&path)
            .with_context(context)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut lock) => {
                write_holder(&mut lock, tty).with_context(context)?;
                Ok(Ok(Claim {
                    name: name.clone(),
                    _lock: lock,
                }))
            }
            Err((file, Errno::EWOULDBLOCK)) => Ok(Err(read_holder(&file).with_context(context)?)),
            Err((_, error)) => Err(error).with_context(context),
        }
    }

    /// Claims `name`, asking whoever has it to end (`SIGUSR1`), and waits for that for at most `patience`.
    ///
    /// # Errors
    /// Its holder cannot be asked, or did not let go.
    pub async fn take_over(&self, name: &Name, tty: &str, patience: Duration) -> Result<Claim> {
        let deadline = clock::now() + patience;
        let (mut seen, mut asked) = (None, None);
        loop {
            let holder = match self.named(name, tty)? {
                Ok(claim) => return Ok(claim),
                Err(holder) => holder,
            };
            // Only who is named twice in a row: just after the lock changed hands, the file still names a process that is gone, whose number
            // may be somebody else's now.
            if holder.pid > 1 && seen == Some(holder.pid) && asked != seen {
                match kill(Pid::from_raw(holder.pid), Signal::SIGUSR1) {
                    // Gone between the look and the question: the lock is gone too.
                    Ok(()) | Err(Errno::ESRCH) => asked = Some(holder.pid),
                    Err(error) => {
                        return Err(error)
                            .with_context(|| format!("cannot ask process {} to end", holder.pid));
                    }
                }
            }
            seen = Some(holder.pid);
            ensure!(clock::now() < deadline, "session {name} is still {holder}");
            // flock has no way to wait with a deadline but a signal or a thread; this is a once-in-a-while path of at most `patience`.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Claim {
    /// The name.
    pub fn name(&self) -> &Name {
        &self.name
    }
}

/// The holder is written in place, so that the lock stays on the same file.
fn write_holder(file: &mut File, tty: &str) -> io::Result<()> {
    let tty: String = tty.chars().filter(|c| !c.is_control()).collect();
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(format!("{} {tty}\n", std::process::id()).as_bytes())?;
    debug_assert!(file.as_raw_fd() > 2, "ssh must not inherit the lock");
    Ok(())
}

fn read_holder(mut file: &File) -> io::Result<InUse> {
    let mut text = String::new();
    file.rewind()?;
    file.take(4096).read_to_string(&mut text)?;
    let (pid, tty) = text
        .trim_end()
        .split_once(' ')
        .unwrap_or((text.trim_end(), ""));
    let tty = if tty.is_empty() {
        "another terminal"
    } else {
        tty
    };
    Ok(InUse {
        pid: pid.parse().unwrap_or(0),
        tty: tty.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{PermissionsExt as _, symlink},
        process::{Child, Command, Stdio},
    };

    use super::*;

    fn claims(directory: &Path) -> Claims {
        Claims::new(&directory.join("run"), "u", "h", 22).unwrap()
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn terminals_are_numbered_and_names_come_free() {
        let dir = tempfile::tempdir().unwrap();
        let claims = claims(dir.path());
        let first = claims.first_free(&name("mac"), "/dev/pts/1").unwrap();
        let second = claims.first_free(&name("mac"), "/dev/pts/2").unwrap();
        assert_eq!(
            (first.name().as_str(), second.name().as_str()),
            ("mac", "mac-2")
        );
        let in_use = claims.named(&name("mac"), "x").unwrap().unwrap_err();
        assert_eq!(
            in_use,
            InUse {
                pid: std::process::id().cast_signed(),
                tty: "/dev/pts/1".into()
            }
        );
        drop(first);
        assert_eq!(
            claims
                .first_free(&name("mac"), "x")
                .unwrap()
                .name()
                .as_str(),
            "mac"
        );
        let other = Claims::new(&dir.path().join("run"), "u", "h", 23).unwrap();
        assert!(other.named(&name("mac-2"), "x").unwrap().is_ok());
    }

    #[test]
    fn a_directory_that_others_could_have_made_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let open = dir.path().join("open");
        fs::create_dir(&open).unwrap();
        fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
        // One that somebody else has made leads where they want.
        let link = dir.path().join("link");
        symlink(dir.path(), &link).unwrap();
        std::os::unix::fs::lchown(&link, Some(65_534), None).expect("this test needs root");
        let foreign = dir.path().join("foreign");
        fs::create_dir(&foreign).unwrap();
        std::os::unix::fs::chown(&foreign, Some(65_534), None).expect("this test needs root");
        for (path, why) in [
            (open, "can be written by others"),
            (link, "belongs to somebody else"),
            (foreign, "belongs to somebody else"),
        ] {
            let error = format!("{:#}", Claims::new(&path, "u", "h", 22).unwrap_err());
            assert!(error.ends_with(why), "{error}");
        }
    }

    /// This test, run as a process of its own: claims a name, says which, and keeps it until it is asked to end.
    fn holder(dir: &Path, before: &str) -> Child {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("{before} exec \"$0\" \"$@\""))
            .arg(std::env::current_exe().unwrap());
        command
            .args([
                "--exact",
                "context::claim::tests::hold",
                "--ignored",
                "--nocapture",
            ])
            .env("NETROAM_TEST_CLAIMS", dir);
        command.stdout(Stdio::piped());
        #[expect(
            clippy::disallowed_methods,
            reason = "another netroam, as a user would start it"
        )]
        command.spawn().unwrap()
    }

    fn held(child: &mut Child) -> String {
        use std::io::{BufRead as _, BufReader};
        let lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        lines
            .map_while(Result::ok)
            .find_map(|line| line.split_once("held ").map(|(_, name)| name.to_owned()))
            .expect("a name is held")
    }

    #[test]
    #[ignore = "the other process of the tests below"]
    #[expect(
        clippy::print_stdout,
        reason = "the name goes to the test that started this"
    )]
    fn hold() {
        let claims = claims(Path::new(&std::env::var_os("NETROAM_TEST_CLAIMS").unwrap()));
        let claim = claims.first_free(&name("mac"), "/dev/pts/9").unwrap();
        println!("held {}", claim.name());
        nix::unistd::pause();
    }

    #[test]
    fn processes_that_start_at_once_get_different_names_and_one_can_be_taken_over() {
        let dir = tempfile::tempdir().unwrap();
        let mut children: Vec<_> = (0..8).map(|_| holder(dir.path(), "")).collect();
        let mut names: Vec<_> = children.iter_mut().map(held).collect();
        let first = names.iter().position(|name| name == "mac").unwrap();
        names.sort();
        assert_eq!(
            names,
            [
                "mac", "mac-2", "mac-3", "mac-4", "mac-5", "mac-6", "mac-7", "mac-8"
            ]
        );

        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let claims = claims(dir.path());
        let taken = runtime
            .block_on(claims.take_over(&name("mac"), "x", Duration::from_secs(10)))
            .unwrap();
        assert_eq!(taken.name().as_str(), "mac");
        children.remove(first).wait().unwrap();
        // A process that is killed lets go as well.
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(
            claims
                .first_free(&name("mac"), "x")
                .unwrap()
                .name()
                .as_str(),
            "mac-2"
        );
    }

    #[test]
    fn who_does_not_let_go_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = holder(dir.path(), "trap '' USR1;");
        held(&mut child);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let refused = runtime
            .block_on(claims(dir.path()).take_over(&name("mac"), "x", Duration::from_millis(200)))
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "session mac is still in use by process {} on /dev/pts/9",
                child.id()
            )
        );
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
