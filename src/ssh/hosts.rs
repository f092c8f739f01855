//! The names of hosts that this user's ssh knows, to choose from and to complete: those of `ssh_config(5)` and of `known_hosts` files.
//!
//! What ssh makes of a host is asked of ssh itself ([`super::Config`]); here only names are gathered, and a file that cannot be read or
//! understood has none. Nothing but regular files is read, and not without end.

use std::{
    collections::BTreeSet,
    env,
    fs::OpenOptions,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use glob::MatchOptions;
use nix::unistd::{Uid, User};

use super::args::check_destination;

/// How deep files may include others (`READCONF_MAX_DEPTH` of OpenSSH's readconf.h).
const DEEPEST: u32 = 16;

/// So many files of `ssh_config(5)` are read at most: one that includes itself twice would ask for 65 536.
const MOST_FILES: u32 = 256;

/// So many bytes are read at most of all files of a kind; a thousand hosts with three keys each are 1 MiB of `known_hosts`.
const MOST_BYTES: u64 = 16 << 20;

/// So many names are gathered at most.
const MOST_NAMES: usize = 20_000;

/// A host that ssh knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownHost {
    /// Its name or address, as one would type it: what ssh takes for a destination, without user and port.
    pub name: String,
    /// Where it was found first.
    pub from: Origin,
}

/// Where a host was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A `Host` line of `ssh_config(5)`.
    Config,
    /// A `known_hosts` file: a connection was made to it once.
    KnownHosts,
}

/// The hosts that ssh knows: first those of the user's configuration and the system's, in the order of the files, then those whose keys are
/// known. Each is there once; patterns, negations and hashed names are not.
///
/// `config` is the value of ssh's `-F`, which is read instead of both configurations; `none` stands for no file at all. As for ssh, the home
/// directory is the one of the user database, whatever `HOME` says.
pub fn known(config: Option<&Path>) -> Vec<KnownHost> {
    let home = match User::from_uid(Uid::current()) {
        Ok(Some(user)) => Some(user.dir),
        Ok(None) | Err(_) => env::home_dir(),
    };
    Places {
        home,
        system: PathBuf::from("/etc/ssh"),
    }
    .known(config)
}

/// Where the files are.
#[derive(Debug)]
struct Places {
    home: Option<PathBuf>,
    system: PathBuf,
}

impl Places {
    fn known(&self, config: Option<&Path>) -> Vec<KnownHost> {
        let user = self.home.as_ref().map(|home| home.join(".ssh"));
        let mut names = Names::default();
        let mut reader = Reader::new(self.home.as_deref());
        match (config, &user) {
            (Some(none), _) if none == Path::new("none") => {}
            // What it includes is looked for where the user's own is (readconf.c).
            (Some(config), user) => {
                reader.add_hosts(config, user.as_deref(), DEEPEST, &mut names);
            }
            (None, user) => {
                if let Some(user) = user {
                    reader.add_hosts(&user.join("config"), Some(user), DEEPEST, &mut names);
                }
                let config = self.system.join("ssh_config");
                reader.add_hosts(&config, Some(&self.system), DEEPEST, &mut names);
            }
        }
        let mut reader = Reader::new(None);
        let own = user
            .iter()
            .flat_map(|user| [user.join("known_hosts"), user.join("known_hosts2")]);
        let all = ["ssh_known_hosts", "ssh_known_hosts2"].map(|name| self.system.join(name));
        for file in own.chain(all) {
            for line in lines(&reader.read(&file)) {
                names.add(Origin::KnownHosts, names_of(line));
            }
        }
        names.hosts
    }
}

/// What was found, each name once.
#[derive(Default)]
struct Names {
    hosts: Vec<KnownHost>,
    seen: BTreeSet<String>,
}

impl Names {
    /// Adds what is a host's name among these words.
    fn add<'a>(&mut self, from: Origin, words: impl IntoIterator<Item = &'a [u8]>) {
        for word in words {
            let Some(name) = str::from_utf8(word)
                .ok()
                .filter(|name| !name.contains(['*', '?', '!', '@', '|', ',']))
                .filter(|name| check_destination(name.as_ref()).is_ok())
            else {
                continue;
            };
            if self.hosts.len() < MOST_NAMES && self.seen.insert(name.to_owned()) {
                let name = name.to_owned();
                self.hosts.push(KnownHost { name, from });
            }
        }
    }
}

/// Reads files until there were too many of them.
struct Reader<'a> {
    home: Option<&'a Path>,
    files_left: u32,
    bytes_left: u64,
}

impl<'a> Reader<'a> {
    fn new(home: Option<&'a Path>) -> Self {
        Self {
            home,
            files_left: MOST_FILES,
            bytes_left: MOST_BYTES,
        }
    }

    /// Adds the hosts of a file and of those that it includes, which are relative to `base`, at most so deep.
    fn add_hosts(&mut self, file: &Path, base: Option<&Path>, depth: u32, names: &mut Names) {
        for line in lines(&self.read(file)) {
            let (keyword, rest) = keyword(line);
            if keyword.eq_ignore_ascii_case(b"host") {
                let words = words(rest);
                names.add(Origin::Config, words.iter().map(Vec::as_slice));
            } else if keyword.eq_ignore_ascii_case(b"include") && depth > 0 {
                for word in words(rest) {
                    for file in self.included(&word, base) {
                        self.add_hosts(&file, base, depth - 1, names);
                    }
                }
            }
        }
    }

    /// The files that a word of `Include` means, in the order of glob(3).
    fn included(&self, word: &[u8], base: Option<&Path>) -> Vec<PathBuf> {
        /// As glob(3) has it without flags.
        const GLOB: MatchOptions = MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        let Some(path) = str::from_utf8(word).ok().and_then(|word| self.expand(word)) else {
            return Vec::new();
        };
        let path = match base {
            _ if path.is_absolute() => path,
            Some(base) => base.join(path),
            None => return Vec::new(),
        };
        let found = path.to_str().map(|path| glob::glob_with(path, GLOB));
        match found {
            Some(Ok(paths)) => paths
                .filter_map(Result::ok)
                .take(MOST_FILES as usize)
                .collect(),
            Some(Err(_)) | None => Vec::new(),
        }
    }

    /// A path with its `~/`, `${VARIABLE}`, `%d` and `%%` replaced; none where it has something else that depends on the connection or on
    /// other users.
    fn expand(&self, word: &str) -> Option<PathBuf> {
        let home = || self.home.and_then(Path::to_str);
        let mut path = String::new();
        let mut rest = match word.strip_prefix('~') {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => {
                path.push_str(home()?);
                rest
            }
            Some(_) => return None,
            None => word,
        };
        while let Some(at) = rest.find(['$', '%']) {
            path.push_str(&rest[..at]);
            rest = &rest[at..];
            if let Some(after) = rest.strip_prefix("${") {
                let (name, after) = after.split_once('}')?;
                path.push_str(&env::var(name).ok()?);
                rest = after;
            } else if let Some(after) = rest.strip_prefix("%d") {
                path.push_str(home()?);
                rest = after;
            } else if let Some(after) = rest.strip_prefix("%%") {
                path.push('%');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('$') {
                path.push('$');
                rest = after;
            } else {
                return None;
            }
        }
        path.push_str(rest);
        Some(path.into())
    }

    /// What stands in a file, as far as there is room for it; nothing if it cannot be read.
    fn read(&mut self, file: &Path) -> Vec<u8> {
        if self.files_left == 0 {
            return Vec::new();
        }
        self.files_left -= 1;
        match self.try_read(file) {
            Ok(said) => said,
            Err(error) => {
                tracing::debug!(file = %file.display(), %error, "no hosts from there");
                Vec::new()
            }
        }
    }

    fn try_read(&mut self, file: &Path) -> io::Result<Vec<u8>> {
        // A FIFO is not waited for, and a pipe (`-F <(…)`) is left for ssh to read.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NONBLOCK)
            .open(file)?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let mut said = Vec::new();
        (&file).take(self.bytes_left).read_to_end(&mut said)?;
        self.bytes_left -= said.len() as u64;
        if self.bytes_left == 0 {
            // Half a name is none.
            let whole = said.iter().rposition(|byte| *byte == b'\n');
            said.truncate(whole.map_or(0, |end| end + 1));
        }
        Ok(said)
    }
}

fn lines(said: &[u8]) -> impl Iterator<Item = &[u8]> {
    said.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii)
}

/// The keyword of a line of `ssh_config(5)`, and its arguments; a space or `=` may stand between (`strdelim` of OpenSSH's misc.c).
fn keyword(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'=' | b'"'))
        .unwrap_or(line.len());
    let (keyword, rest) = line.split_at(end);
    let rest = rest.trim_ascii_start();
    (keyword, rest.strip_prefix(b"=").unwrap_or(rest))
}

/// The words of a line's arguments: quotes and backslashes as `argv_split` of OpenSSH's misc.c takes them, up to a comment. None if a quote
/// is not closed, which ssh refuses.
fn words(arguments: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut bytes = arguments.iter().copied().peekable();
    loop {
        while bytes.next_if(u8::is_ascii_whitespace).is_some() {}
        if matches!(bytes.peek(), None | Some(b'#')) {
            return words;
        }
        let mut word = Vec::new();
        let mut quote = None;
        while let Some(byte) = bytes.next_if(|byte| quote.is_some() || !byte.is_ascii_whitespace())
        {
            match byte {
                b'\\' => {
                    let escaped = bytes.next_if(|next| {
                        matches!(next, b'\\' | b'"' | b'\'') || (quote.is_none() && *next == b' ')
                    });
                    word.push(escaped.unwrap_or(byte));
                }
                b'"' | b'\'' if quote.is_none() => quote = Some(byte),
                _ if quote == Some(byte) => quote = None,
                _ => word.push(byte),
            }
        }
        if quote.is_some() {
            return Vec::new();
        }
        words.push(word);
    }
}

/// The names and addresses of a line of a `known_hosts` file (sshd(8), `SSH_KNOWN_HOSTS FILE FORMAT`). Those of a certificate authority's are
/// hosts too; a line with a revoked key says nothing of a host.
fn names_of(line: &[u8]) -> Vec<&[u8]> {
    let mut fields = line
        .split(u8::is_ascii_whitespace)
        .filter(|field| !field.is_empty())
        .peekable();
    fields.next_if(|marker| *marker == b"@cert-authority");
    let Some(hosts) = fields
        .next()
        .filter(|hosts| !hosts.starts_with(b"#") && !hosts.starts_with(b"@"))
    else {
        return Vec::new();
    };
    // A line without a key is none.
    if fields.count() < 2 {
        return Vec::new();
    }
    hosts
        .split(|byte| *byte == b',')
        .map(without_port)
        .collect()
}

/// The name in `[name]:port`.
fn without_port(host: &[u8]) -> &[u8] {
    let Some(inside) = host.strip_prefix(b"[") else {
        return host;
    };
    let end = inside.iter().position(|byte| *byte == b']');
    end.map_or(host, |end| &inside[..end])
}

#[cfg(test)]
mod tests;
