//! Both programs, the same command lines: exit statuses, and whether ssh is started again.

use super::support::{Running, SOON, Who, at_home};

/// How one ended: its status, and how often it started ssh.
type End = (i32, usize);

/// One command line, and how autossh ends and how netroam does.
struct Row {
    variables: &'static [(&'static str, &'static str)],
    words: &'static [&'static str],
    real: End,
    ours: End,
}

impl Row {
    const fn same(
        variables: &'static [(&'static str, &'static str)],
        words: &'static [&'static str],
        end: End,
    ) -> Self {
        Self::other(variables, words, end, end)
    }

    const fn other(
        variables: &'static [(&'static str, &'static str)],
        words: &'static [&'static str],
        real: End,
        ours: End,
    ) -> Self {
        Self {
            variables,
            words,
            real,
            ours,
        }
    }
}

const TWICE: &[(&str, &str)] = &[("GATETIME", "0"), ("MAXSTART", "2"), ("POLL", "5")];

/// The table "What follows the end of ssh" of docs/autossh.md, and those of the command line and the environment as far as they end it all.
const ROWS: &[Row] = &[
    // The first start, within the gate time.
    Row::same(&[], &["-M", "0", "work", "exit 1"], (1, 1)),
    Row::other(&[], &["-M", "0", "work", "exit 2"], (1, 1), (2, 1)),
    Row::other(&[], &["-M", "0", "work", "exit 0"], (1, 1), (0, 1)),
    Row::other(&[], &["-M", "0", "work", "exit 42"], (1, 1), (42, 1)),
    Row::same(&[], &["-M", "0", "work", "exit 255"], (1, 1)),
    // netroam connects before it starts ssh.
    Row::other(&[], &["-M", "0", "-p", "1", "work"], (1, 1), (1, 0)),
    Row::other(&[], &["-M", "0", "no.invalid"], (1, 1), (1, 0)),
    // Without a gate, or later.
    Row::same(TWICE, &["-M", "0", "work", "exit 0"], (0, 1)),
    Row::same(TWICE, &["-M", "0", "work", "exit 1"], (0, 2)),
    Row::same(TWICE, &["-M", "0", "work", "exit 2"], (0, 2)),
    Row::same(TWICE, &["-M", "0", "work", "exit 255"], (0, 2)),
    Row::other(TWICE, &["-M", "0", "work", "exit 42"], (1, 1), (42, 1)),
    // Limits.
    Row::same(&[("MAXSTART", "0")], &["-M", "0", "work"], (0, 0)),
    Row::same(&[("MAXLIFETIME", "2")], &["-M", "0", "-N", "work"], (0, 1)),
    // What is refused.
    Row::same(&[("POLL", "0")], &["-M", "0", "work"], (1, 0)),
    Row::same(&[("FIRST_POLL", "0")], &["-M", "0", "work"], (1, 0)),
    Row::same(&[("GATETIME", "-1")], &["-M", "0", "work"], (1, 0)),
    Row::same(&[("LOGLEVEL", "8")], &["-M", "0", "work"], (1, 0)),
    Row::same(&[("MAXSTART", "-2")], &["-M", "0", "work"], (1, 0)),
    // netroam asks ssh for its version first.
    Row::other(
        &[("PATH", "/nonexistent")],
        &["-M", "0", "work"],
        (1, 1),
        (1, 0),
    ),
    Row::same(&[], &["-M", "65535", "work"], (1, 0)),
    Row::same(&[], &["-M", "20000:0", "work"], (1, 0)),
    Row::same(&[], &["-M", "0"], (1, 0)),
    Row::same(&[], &["-V"], (0, 0)),
    // -M is as optional as autossh's manual has it.
    Row::other(&[], &["work", "exit 3"], (1, 0), (3, 1)),
];

#[test]
fn each_command_line_ends_as_the_table_has_it() {
    let lab = at_home();
    for row in ROWS {
        for who in Who::BOTH {
            let mut running = Running::start(&lab, who, row.variables, row.words);
            let expected = match who {
                Who::Real => row.real,
                Who::Ours => row.ours,
            };
            let status = running.end();
            assert_eq!(
                (status, running.starts()),
                (Some(expected.0), expected.1),
                "{who:?} {:?} {:?}\n{}\n{}",
                row.variables,
                row.words,
                running.log(),
                running.piped.stderr()
            );
        }
    }
}

/// Words of the remote command that look like options: autossh takes them for its own, netroam leaves them alone.
#[test]
fn the_remote_command_is_nobody_s_but_the_host_s() {
    let lab = at_home();
    for (who, words, said) in [
        // Taken for a word of ssh's, and moved in front of the host.
        (Who::Real, ["echo", "cmd", "-v"], "cmd\n"),
        (Who::Ours, ["echo", "cmd", "-v"], "cmd -v\n"),
        // autossh takes this one for its own, and goes to the background.
        (Who::Ours, ["echo", "tail", "-f"], "tail -f\n"),
    ] {
        let words: Vec<&str> = ["-M", "0", "work"].into_iter().chain(words).collect();
        let mut running = Running::start(&lab, who, &[], &words);
        running.end();
        assert_eq!(running.piped.stdout(), said, "{who:?} {words:?}");
    }
}

/// Without a terminal, standard error belongs to ssh: what netroam has to say is in the log.
#[test]
fn netroam_is_quiet_where_autossh_is() {
    let lab = at_home();
    for who in Who::BOTH {
        let mut running = Running::start(
            &lab,
            who,
            TWICE,
            &["-q", "-M", "0", "work", "echo out; echo err >&2; exit 1"],
        );
        assert_eq!(running.end(), Some(0));
        assert_eq!(running.piped.stdout(), "out\nout\n", "{who:?}");
        assert_eq!(running.piped.stderr(), "err\nerr\n", "{who:?}");
    }
}

/// Without a log file, `AUTOSSH_DEBUG` has everything on standard error too.
#[test]
fn what_is_logged_can_be_watched() {
    let lab = at_home();
    for who in Who::BOTH {
        let (program, config) = (who.program(&lab), lab.ssh_config());
        let config = config.to_str().unwrap();
        let words = [
            program.to_str().unwrap(),
            "-M",
            "0",
            "-F",
            config,
            "work",
            "exit 1",
        ];
        let mut piped = lab.piped(&words, &[("AUTOSSH_DEBUG", "")]).unwrap();
        assert_eq!(piped.wait_exit(SOON).unwrap().code(), Some(1));
        let said = piped.stderr();
        assert!(said.contains("autossh["), "{who:?}: {said}");
        assert!(said.contains(who.start()), "{who:?}: {said}");
    }
}
