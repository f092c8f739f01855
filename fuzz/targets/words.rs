//! What a user types, or a script made of somebody else's input: options, destination, remote command, names.
#![no_main]

use std::{ffi::OsString, os::unix::ffi::OsStringExt as _, sync::LazyLock};

use clap::CommandFactory as _;
use libfuzzer_sys::fuzz_target;
use netroam::{
    cli::Cli,
    context::{Name, Recipe, When},
    ssh::{Args, Asked, Version, split::split},
    supervisor::Via,
};

/// `-P` takes a value since 9.4.
const VERSIONS: [Version; 2] = [
    Version { major: 9, minor: 2 },
    Version {
        major: 10,
        minor: 0,
    },
];

static WATCH: LazyLock<clap::Command> = LazyLock::new(|| {
    let cli = Cli::command();
    cli.find_subcommand("watch").expect("the verb").clone()
});

fuzz_target!(|line: &[u8]| {
    let words: Vec<OsString> = line
        .split(|byte| *byte == 0)
        .map(|word| OsString::from_vec(word.to_vec()))
        .collect();
    for version in VERSIONS {
        if let Ok(split) = split(&words, &WATCH, version, true) {
            assert_eq!(
                split.own.len() + split.ssh.len(),
                words.len(),
                "no word is lost"
            );
        }
        let Ok(Asked::Session(args)) = Args::parse(&words, version) else {
            continue;
        };
        let destination = args.destination.to_str().expect("a destination is text");
        assert!(!destination.contains(char::is_control) && !destination.starts_with('-'));
        assert!(
            !args.host().starts_with('-') && !args.host().contains(['\'', '"', '`', '$', ';', ' ']),
            "{}",
            args.host()
        );
        if let Some(recipe) = Recipe::of(&args.command) {
            let command = recipe.command(When::Again);
            assert!(!command.contains(['\n', '\\', '!']), "{command}");
            assert_eq!(command.matches('\'').count(), 2, "{command}");
        }
    }
    if let Ok(text) = str::from_utf8(line) {
        assert_eq!(
            Name::of_host(text).as_str().parse(),
            Ok(Name::of_host(text))
        );
        if let Ok(via) = text.parse::<Via>() {
            assert_eq!(via.to_string().parse(), Ok(via));
        }
    }
});
