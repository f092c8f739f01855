use super::*;

const OLD: Version = Version { major: 9, minor: 2 };
const NEW: Version = Version {
    major: 10,
    minor: 0,
};

fn words(line: &str) -> Vec<OsString> {
    line.split_whitespace().map(OsString::from).collect()
}

fn session(line: &str) -> Args {
    match Args::parse(&words(line), OLD).unwrap() {
        Asked::Session(args) => args,
        Asked::Other(mode) => panic!("{line}: {mode:?}"),
    }
}

/// `a b` for `-a b`.
fn shown(args: &Args) -> String {
    let join = |words: Vec<OsString>| {
        words
            .iter()
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    };
    format!(
        "{} | {} | {}",
        join(args.words_without(&[])),
        args.destination.to_string_lossy(),
        join(args.command.clone())
    )
}

#[test]
fn options_are_read_as_getopt_reads_them() {
    for (line, expected) in [
        ("h", " | h | "),
        ("-p22 u@h", "-p 22 | u@h | "),
        ("-tt -vp 22 h ls -l", "-t -t -v -p 22 | h | ls -l"),
        ("-NL8080:a:80 h", "-N -L 8080:a:80 | h | "),
        ("h -v ls -v", "-v | h | ls -v"),
        ("h -p 22 -- ls", "-p 22 | h | ls"),
        ("h -- -x", " | h | -x"),
        ("-v -- h -v ls", "-v | h | -v ls"),
        ("-o Foo=1 -oBar=2 h", "-o Foo=1 -o Bar=2 | h | "),
        ("-J - h", "-J - | h | "),
        ("-p -v h", "-p -v | h | "),
        ("-P h", "-P | h | "),
        ("ssh://u@h:22 tail -f x", " | ssh://u@h:22 | tail -f x"),
    ] {
        assert_eq!(shown(&session(line)), expected, "{line}");
    }
}

#[test]
fn what_options_name_is_found_from_anywhere() {
    let line = "-F conf -i keys/a -i /b -i ~/.ssh/c -S %d/.ssh/%C -S none -o User=x -l d h ls x";
    let expected =
        "-F /w/conf -i /w/keys/a -i /b -i ~/.ssh/c -S %d/.ssh/%C -S none -o User=x -l d | h | ls x";
    assert_eq!(
        shown(&session(line).from_anywhere(Path::new("/w"))),
        expected
    );
}

#[test]
fn a_host_is_found_in_every_form_of_a_destination() {
    for (destination, host) in [
        ("gw1", "gw1"),
        ("me@gw1", "gw1"),
        ("me@there@gw1", "gw1"),
        ("2001:db8::1", "2001:db8::1"),
        ("ssh://gw1", "gw1"),
        ("ssh://me@gw1:2222", "gw1"),
        ("ssh://me@gw1/", "gw1"),
        ("ssh://me@[2001:db8::1]:22", "2001:db8::1"),
        ("ssh://[::1]", "::1"),
    ] {
        assert_eq!(host_of(destination), host);
        assert_eq!(session(destination).host(), host);
    }
}

#[test]
fn a_tag_takes_a_value_since_it_exists() {
    let Asked::Session(args) = Args::parse(&words("-P tag h"), NEW).unwrap() else {
        panic!()
    };
    assert_eq!(shown(&args), "-P tag | h | ");
    assert_eq!(shown(&session("-P tag h")), "-P | tag | h");
}

#[test]
fn what_is_no_session_is_named() {
    for (line, mode) in [
        ("-V", Mode::Version),
        ("-Q cipher", Mode::Query),
        ("-G h", Mode::Configuration),
        ("-O check h", Mode::Control),
    ] {
        assert_eq!(
            Args::parse(&words(line), OLD),
            Ok(Asked::Other(mode)),
            "{line}"
        );
    }
}

#[test]
fn bad_words_are_refused() {
    for (line, bad) in [
        ("", BadArgs::NoHost),
        ("-v", BadArgs::NoHost),
        ("-v --", BadArgs::NoHost),
        ("-p", BadArgs::NeedsValue('p')),
        ("-Z h", BadArgs::UnknownOption('Z')),
        ("--foo h", BadArgs::LongOption("--foo".into())),
        ("h --json", BadArgs::LongOption("--json".into())),
        (
            "-- -oProxyCommand=x",
            BadArgs::Host("-oProxyCommand=x".into(), "begins with '-'"),
        ),
        (
            "u@-oProxyCommand=x",
            BadArgs::Host("u@-oProxyCommand=x".into(), "begins with '-'"),
        ),
        (
            "ssh://-oProxyCommand=x",
            BadArgs::Host("ssh://-oProxyCommand=x".into(), "begins with '-'"),
        ),
        (
            "ssh://u@[-oProxyCommand=x]:22/",
            BadArgs::Host("ssh://u@[-oProxyCommand=x]:22/".into(), "begins with '-'"),
        ),
        (
            "ssh://u@:22",
            BadArgs::Host("ssh://u@:22".into(), "is empty"),
        ),
        ("- ls", BadArgs::Host("-".into(), "begins with '-'")),
        ("@h", BadArgs::Host("@h".into(), "has an empty user name")),
        ("u@", BadArgs::Host("u@".into(), "is empty")),
        (
            "a;b",
            BadArgs::Host(
                "a;b".into(),
                "has a character in it that a shell would read",
            ),
        ),
    ] {
        assert_eq!(Args::parse(&words(line), OLD), Err(bad), "{line}");
    }
    for host in ["a\nb", "a\u{7f}", "\u{1b}[31m"] {
        assert!(
            matches!(
                Args::parse(&[host.into()], OLD),
                Err(BadArgs::Host(_, "has a control character in it"))
            ),
            "{host:?}"
        );
    }
    assert!(matches!(
        Args::parse(&["a b".into()], OLD),
        Err(BadArgs::Host(..))
    ));
}

proptest::proptest! {
    #[test]
    fn any_words_are_read_or_refused(words: Vec<Vec<u8>>) {
        let words: Vec<_> = words.into_iter().map(OsString::from_vec).collect();
        drop(Args::parse(&words, NEW));
    }
}
