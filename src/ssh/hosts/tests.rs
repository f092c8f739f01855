use std::{fs, os::unix::fs::symlink};

use nix::{sys::stat::Mode, unistd::mkfifo};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

/// A home and a system's directory.
struct Files {
    dir: TempDir,
}

impl Files {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("home/.ssh")).unwrap();
        fs::create_dir_all(dir.path().join("etc")).unwrap();
        Self { dir }
    }

    fn with(self, path: &str, said: impl AsRef<[u8]>) -> Self {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, said).unwrap();
        self
    }

    fn hosts(&self, config: Option<&str>) -> Vec<KnownHost> {
        let places = Places {
            home: Some(self.dir.path().join("home")),
            system: self.dir.path().join("etc"),
        };
        places.known(config.map(|config| self.dir.path().join(config)).as_deref())
    }

    /// The names, and a bar before those that are only in `known_hosts`.
    fn known(&self) -> String {
        let hosts = self.hosts(None);
        let of = |from| {
            let of = hosts.iter().filter(|host| host.from == from);
            of.map(|host| host.name.as_str()).collect::<Vec<_>>()
        };
        let said = [of(Origin::Config), vec!["|"], of(Origin::KnownHosts)].concat();
        assert!(hosts.is_sorted_by_key(|host| host.from == Origin::KnownHosts));
        said.join(" ")
    }
}

#[test]
fn hosts_are_read_as_ssh_reads_them() {
    for (said, expected) in [
        ("Host gw1\n  HostName 10.0.0.1\nHost gw2 gw3", "gw1 gw2 gw3"),
        (
            "host=a\nHOST = b\n\tHost\tc\r\nHost \"d\" 'e' f\\ g",
            "a b c d e",
        ),
        ("Host * *.lan gw? !x a", "a"),
        ("Host a # b\n# Host c\nHost d#e", "a d#e"),
        ("Host a \"b\nHost c", "c"),
        (
            "Host\nHost \"\"\nHostName x\nHostKeyAlias y\nMatch host z",
            "",
        ),
        ("Host a b\nHost b a", "a b"),
        (
            "Host fe80::1%eth0 10.0.0.1 -oProxyCommand=x $(x) me@y",
            "fe80::1%eth0 10.0.0.1",
        ),
    ] {
        let files = Files::new().with("home/.ssh/config", said);
        assert_eq!(
            files.known(),
            format!("{expected} |").trim_start(),
            "{said}"
        );
    }
}

#[test]
fn what_is_included_stands_where_it_is_included() {
    let files = Files::new()
        .with(
            "home/.ssh/config",
            "Host a\nInclude conf.d/*.conf ~/more\nHost z\nInclude missing %h/x ~other/x ${NETROAM_NOT_SET}/x\nMatch host q\nInclude \"%d/.ssh/one%%\"",
        )
        .with("home/.ssh/conf.d/2.conf", "Host c\nInclude deep/*")
        .with("home/.ssh/conf.d/1.conf", "Host b")
        .with("home/.ssh/conf.d/.3.conf", "Host hidden")
        .with("home/.ssh/conf.d/4.off", "Host off")
        .with("home/.ssh/deep/x", "Host d")
        .with("home/.ssh/one%", "Host last")
        .with("home/more", "Host e")
        .with("etc/ssh_config", "Include ssh_config.d/*.conf\nHost s a")
        .with("etc/ssh_config.d/x.conf", "Host t");
    assert_eq!(files.known(), "a b c d e z last t s |");
}

#[test]
fn the_file_of_the_command_line_stands_for_both() {
    let files = Files::new()
        .with("home/.ssh/config", "Host user")
        .with("etc/ssh_config", "Host system")
        .with("home/.ssh/included", "Host included")
        .with("own", "Host own\nInclude included");
    let names = |config| {
        let hosts = files.hosts(Some(config)).into_iter();
        hosts.map(|host| host.name).collect::<Vec<_>>()
    };
    assert_eq!(names("own"), ["own", "included"]);
    assert_eq!(names("missing"), Vec::<String>::new());
    let places = Places {
        home: Some(files.dir.path().join("home")),
        system: files.dir.path().join("etc"),
    };
    assert_eq!(places.known(Some(Path::new("none"))), []);
}

#[test]
fn names_and_addresses_of_known_hosts_follow() {
    let files = Files::new()
        .with("home/.ssh/config", "Host a\n")
        .with(
            "home/.ssh/known_hosts",
            "# comment k k\n\na ssh-ed25519 AAAA\nb,10.0.0.1 ssh-ed25519 AAAA me@laptop\n[c]:2222,[fe80::1]:22 ssh-rsa AAAA\n\
             |1|salt=|hash= ssh-rsa AAAA\n@cert-authority *.lan,d ssh-rsa AAAA\n@revoked e ssh-rsa AAAA\n@other f ssh-rsa AAAA\n\
             !g,h ssh-rsa AAAA\ni ssh-rsa\n[j ssh-rsa AAAA",
        )
        .with("home/.ssh/known_hosts2", "k\tssh-rsa\tAAAA\n")
        .with("etc/ssh_known_hosts", "l ssh-rsa AAAA\nb ssh-rsa AAAA");
    assert_eq!(files.known(), "a | b 10.0.0.1 c fe80::1 d h [j k l");
}

#[test]
fn files_that_include_themselves_and_what_is_no_file_come_to_an_end() {
    let files = Files::new().with(
        "home/.ssh/config",
        "Host a\nInclude config config\nInclude fifo dir looped no-access\nHost b",
    );
    let ssh = files.dir.path().join("home/.ssh");
    mkfifo(&ssh.join("fifo"), Mode::S_IRUSR).unwrap();
    fs::create_dir(ssh.join("dir")).unwrap();
    symlink("looped", ssh.join("looped")).unwrap();
    symlink("/dev/zero", ssh.join("known_hosts")).unwrap();
    assert_eq!(files.known(), "a b |");
}

#[test]
fn so_much_is_read_and_no_more() {
    let line = |number: usize| format!("host{number} ssh-ed25519 {}\n", "A".repeat(1 << 20));
    let many: String = (0..20).map(line).collect();
    let files = Files::new().with("home/.ssh/known_hosts", many);
    assert_eq!(files.hosts(None).len(), 15);
    let many: String = (0..=MOST_NAMES).fold(String::new(), |all, n| {
        all + "Host h" + &n.to_string() + "\n"
    });
    let files = Files::new().with("home/.ssh/config", many);
    assert_eq!(files.hosts(None).len(), MOST_NAMES);
}

proptest! {
    #[test]
    fn whatever_stands_there_gives_only_names_that_ssh_would_take(
        config in prop::collection::vec(any::<u8>(), 0..200),
        lines in "(([Hh]ost|Include|@[a-z]{0,3})?[ =\"'#\\\\\\[\\]:,*!|a-c~$%{}/-]{0,12}\n){0,8}",
        keys in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let keys = [keys.as_slice(), b"\n", lines.as_bytes()].concat();
        let config = [lines.as_bytes(), b"\nHost ", &config].concat();
        let files = Files::new().with("home/.ssh/config", config).with("home/.ssh/known_hosts", keys);
        for host in files.hosts(None) {
            prop_assert!(check_destination(host.name.as_ref()).is_ok());
            prop_assert!(!host.name.contains(['*', '?', '!', ',', '@', '\n', ' ']), "{}", host.name);
        }
    }
}
