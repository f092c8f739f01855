//! `netroam config ssh`: the lines with which every ssh on this machine connects through `netroam dial`.

use std::{
    env,
    io::{self, Write as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::ExitCode,
};

use anyhow::{Context as _, Result};

/// Prints them.
pub(super) fn run() -> Result<ExitCode> {
    let exe = env::current_exe().context("cannot find netroam's own program")?;
    let program = if in_path(&exe) {
        "netroam".to_owned()
    } else {
        quoted(&exe)?
    };
    io::stdout()
        .lock()
        .write_all(lines(&program).as_bytes())
        .context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

/// `%n` is the host as it was typed (`ssh_config(5)`, TOKENS), by which netroam's own configuration and what is learnt of a host go.
fn lines(program: &str) -> String {
    format!(
        "# For the end of ~/.ssh/config: ssh, git, rsync, scp and editors connect through netroam. Instead of * there may be\n\
         # the hosts that are meant. A host with a ProxyJump or a ProxyCommand of its own keeps that (ssh takes the first\n\
         # value that it finds) and needs the line `ProxyUseFdpass no` beside it.\n\
         Host *\n    \
         ProxyCommand {program} dial --host %n %h %p\n    \
         ProxyUseFdpass yes\n"
    )
}

/// Whether a shell that is told `netroam` finds this very program.
fn in_path(exe: &Path) -> bool {
    let same = |path: &Path| {
        let (Ok(one), Ok(other)) = (path.metadata(), exe.metadata()) else {
            return false;
        };
        (one.dev(), one.ino()) == (other.dev(), other.ino())
    };
    env::var_os("PATH").is_some_and(|path| {
        env::split_paths(&path)
            .map(|directory| directory.join("netroam"))
            .find(|path| path.is_file())
            .is_some_and(|found| same(&found))
    })
}

/// The path as the shell that ssh runs takes it for one word, and ssh for no token.
fn quoted(exe: &Path) -> Result<String> {
    let text = exe.to_str().context("the path of netroam is not UTF-8")?;
    let plain = |char: char| char.is_ascii_alphanumeric() || "/._-+".contains(char);
    let text = text.replace('%', "%%");
    if text.chars().all(|char| plain(char) || char == '%') {
        return Ok(text);
    }
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_for_the_shell_and_no_token_for_ssh() {
        let quoted = |text: &str| quoted(Path::new(text)).unwrap();
        assert_eq!(quoted("/usr/bin/netroam"), "/usr/bin/netroam");
        assert_eq!(quoted("/a b/netroam"), "'/a b/netroam'");
        assert_eq!(quoted("/it's/100%/netroam"), r"'/it'\''s/100%%/netroam'");
    }
}
