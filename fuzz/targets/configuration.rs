//! The configuration file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netroam::{
    config::Configuration,
    ssh::{Args, Version},
};

const VERSION: Version = Version { major: 9, minor: 2 };

fuzz_target!(|text: &str| {
    let configuration = match Configuration::parse(text) {
        Ok(configuration) => configuration,
        Err(problems) => {
            assert!(!problems.is_empty(), "what is refused has a reason");
            for problem in problems {
                let line = text.split('\n').nth(problem.line - 1);
                let line = line.expect("a problem is in a line of the file");
                assert!(problem.column <= line.chars().count() + 1, "{problem}");
                assert!(!problem.text.contains('\n'), "{problem}");
            }
            return;
        }
    };
    for named in configuration.session.values() {
        let merged = named
            .preferences
            .clone()
            .or(&configuration.for_host(&named.host));
        let _ = merged.hooks();
        if let Ok(args) = named.args(VERSION) {
            assert_eq!(
                args.destination, *named.host,
                "ssh reads the host for a host"
            );
            let words: Vec<_> = args
                .words_without(b"")
                .into_iter()
                .chain(["--".into(), args.destination.clone()])
                .collect();
            let Ok(netroam::ssh::Asked::Session(again)) = Args::parse(&words, VERSION) else {
                panic!("what is passed on is read in the same way");
            };
            assert_eq!(again.destination, args.destination);
            assert_eq!(again.options, args.options);
        }
    }
});
