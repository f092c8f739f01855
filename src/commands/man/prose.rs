//! What the manual pages say beyond `--help`.

/// A word, and what it means.
pub(super) type Fact = (&'static str, &'static str);

/// Paragraphs of the page of this name, after what the verb does.
pub(super) fn description(page: &str) -> &'static [&'static str] {
    match page {
        "netroam" => &[
            "Close the laptop at home, open it elsewhere: every ssh session is attached again, with its work and its scrollback. The operating \
             system says that a path is gone, so that the stale ssh is ended at once, and says that a path is back, so that the next one \
             connects at once.",
        ],
        "netroam-watch" => &[
            "ssh itself runs in the terminal, with its options, its configuration and its questions; netroam's options may stand among ssh's.",
        ],
        _ => &[],
    }
}

/// What it says of each exit status.
pub(super) fn statuses(page: &str) -> &'static [Fact] {
    match page {
        "netroam" | "netroam-watch" => ALL,
        "netroam-status" | "netroam-retry" | "netroam-stop" => &[
            DONE,
            ("1", "No session of that name runs, or one did not obey."),
            USAGE,
            FAILED,
        ],
        "netroam-autossh" => &[(
            "as autossh has them",
            "0 and 1 for its own ends, else the status of the remote command or of ssh; 2 and 240 as in netroam(1).",
        )],
        "netroam-dial" => &[
            ("0", "The connection was passed to ssh."),
            USAGE,
            FAILED,
            ("255", "No connection came about; a line says why."),
        ],
        "netroam-guard" => &[
            ("0", "A signal ended it."),
            USAGE,
            FAILED,
            ("241", "A guard runs already."),
        ],
        "netroam-service-install" | "netroam-service-uninstall" => &[
            DONE,
            (
                "1",
                "What is there was changed by somebody and stays, or the service manager refused.",
            ),
            USAGE,
            FAILED,
        ],
        _ => &[DONE, USAGE, FAILED],
    }
}

/// The files that the verb reads and writes.
pub(super) fn files(page: &str) -> &'static [Fact] {
    match page {
        "netroam" | "netroam-watch" => &[CONFIGURATION, LOG, LEARNT, JOURNAL, RUNTIME],
        "netroam-up" => &[CONFIGURATION, LOG, LEARNT, JOURNAL],
        "netroam-why" => &[CONFIGURATION, LEARNT, JOURNAL, RUNTIME],
        "netroam-forget" => &[LEARNT, JOURNAL],
        "netroam-ls" | "netroam-status" | "netroam-retry" | "netroam-stop" => &[RUNTIME],
        "netroam-dial" => &[CONFIGURATION, LOG, LEARNT],
        "netroam-guard" => &[CONFIGURATION, LOG, RUNTIME],
        "netroam-config" | "netroam-config-check" => &[CONFIGURATION],
        "netroam-config-ssh" => &[("~/.ssh/config", "Where the lines belong.")],
        _ => &[],
    }
}

/// The variables of its environment.
pub(super) fn environment(page: &str) -> &'static [Fact] {
    match page {
        "netroam" | "netroam-watch" | "netroam-up" | "netroam-dial" | "netroam-guard"
        | "netroam-sweep" => &[
            (
                "NETROAM_LOG",
                "How much to log, where `--log` does not say: error, warn, info, debug or trace.",
            ),
            DIRECTORIES,
        ],
        "netroam-why"
        | "netroam-forget"
        | "netroam-ls"
        | "netroam-status"
        | "netroam-retry"
        | "netroam-stop"
        | "netroam-config"
        | "netroam-config-check" => &[DIRECTORIES],
        "netroam-man" => &[(
            "SOURCE_DATE_EPOCH",
            "The date of the pages in seconds since 1970, instead of today.",
        )],
        _ => &[],
    }
}

/// Pages beyond those of netroam.
pub(super) fn see_also(page: &str) -> &'static [&'static str] {
    match page {
        "netroam" | "netroam-watch" => &["ssh(1)", "ssh_config(5)", "screen(1)", "tmux(1)"],
        "netroam-up" | "netroam-why" | "netroam-dial" => &["ssh(1)", "ssh_config(5)"],
        "netroam-guard" | "netroam-sweep" => &["ssh(1)"],
        "netroam-autossh" => &["autossh(1)", "ssh(1)"],
        "netroam-config-ssh" => &["ssh_config(5)"],
        "netroam-service" | "netroam-service-install" | "netroam-service-uninstall" => {
            &["systemctl(1)", "systemd.service(5)", "launchctl(1)"]
        }
        "netroam-man" => &["man(1)"],
        _ => &[],
    }
}

const DONE: Fact = ("0", "It did what it says.");
const USAGE: Fact = ("2", "The command line or the configuration is wrong.");
const FAILED: Fact = (
    "240",
    "netroam itself cannot work: no ssh, no directory to write to.",
);

const ALL: &[Fact] = &[
    (
        "that of the remote command",
        "Where there is one; 255 where a plain ssh would say so. Ended by a signal, netroam dies of that signal. These are netroam's own:",
    ),
    USAGE,
    FAILED,
    (
        "241",
        "The session is in use on this laptop; `--take-over` takes it.",
    ),
    (
        "242",
        "A person is needed, and there is no terminal to ask on.",
    ),
    ("243", "The host key changed, or was not accepted."),
    (
        "244",
        "The connection of a plain command was lost; it may have run, and is not run again without `--rerun`.",
    ),
    (
        "245",
        "A person gave up while the session was not attached.",
    ),
    ("246", "The session was taken over elsewhere."),
    (
        "247",
        "The session is gone on the host, and only a first connection starts one.",
    ),
];

const CONFIGURATION: Fact = (
    "~/.config/netroam/config.toml",
    "Defaults, hosts and named sessions. It is only read.",
);
const LOG: Fact = (
    "~/.local/state/netroam/netroam.log",
    "The log: what mattered, and each decision with its reason.",
);
const LEARNT: Fact = (
    "~/.local/state/netroam/hosts/HOST.toml",
    "What the last good connection to a host taught.",
);
const JOURNAL: Fact = (
    "~/.local/state/netroam/journal/HOST.jsonl",
    "What happened to the sessions with a host.",
);
const RUNTIME: Fact = (
    "$XDG_RUNTIME_DIR/netroam/",
    "Locks of the sessions in use, and the sockets on which running netroams answer; ~/.local/state/netroam/run/ without that variable.",
);
const DIRECTORIES: Fact = (
    "XDG_CONFIG_HOME, XDG_STATE_HOME, XDG_RUNTIME_DIR",
    "Where the files are, instead of ~/.config, ~/.local/state and the run directory.",
);
