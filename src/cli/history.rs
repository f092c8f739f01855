//! The words of `netroam history`.

use std::{ffi::OsString, path::PathBuf, str::FromStr, time::Duration};

use clap::{
    Args,
    builder::{OsStringValueParser, TypedValueParser as _},
};

use crate::record::Day;

/// `netroam history [HOST] [--since TIME] [--json | --plot[=FILE.svg]]`
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        netroam history                          every outage of the last 7 days\n  \
        netroam history gw1 --since 2026-11-20   those of gw1 since that day\n  \
        netroam history --plot --since 12h       what each session was doing when\n  \
        netroam history --plot=week.svg          the same as a picture\n\n\
        docs/history.md says how outages are counted.")]
pub struct History {
    /// Since when: so many minutes, hours, days or weeks ago, or a day
    #[arg(long, value_name = "90m|12h|7d|2w|2026-11-20", default_value = "7d")]
    pub since: Since,

    /// One JSON object instead of lines for people
    #[arg(long, conflicts_with = "plot")]
    pub json: bool,

    /// A picture of the sessions and the time: in the terminal, or in this file
    #[arg(
        long,
        value_name = "FILE.svg",
        num_args = 0..=1,
        require_equals = true,
        value_parser = OsStringValueParser::new().try_map(svg)
    )]
    pub plot: Option<Option<PathBuf>>,

    /// Only this host, as for watch [default: all hosts]
    #[arg(value_name = "HOST")]
    pub host: Option<String>,
}

/// Since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// For so long.
    Ago(Duration),
    /// Since that day began.
    Day(Day),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORMS: &str = "is neither a time as in 90m, 12h, 7d, 2w nor a day as in 2026-11-20";
        if let Ok(day) = text.parse() {
            return Ok(Self::Day(day));
        }
        let units = [('m', 60), ('h', 3600), ('d', 86_400), ('w', 604_800)];
        let ago = units.into_iter().find_map(|(unit, seconds)| {
            let number = text.strip_suffix(unit)?;
            // A sign is no part of it.
            let digits = number.bytes().all(|byte| byte.is_ascii_digit());
            let number: u32 = number.parse().ok().filter(|_| digits)?;
            Some(Duration::from_secs(u64::from(number) * seconds))
        });
        match ago {
            Some(ago) if !ago.is_zero() => Ok(Self::Ago(ago)),
            Some(_) => Err("there is nothing in no time".into()),
            None => Err(format!("it {FORMS}")),
        }
    }
}

fn svg(file: OsString) -> Result<PathBuf, String> {
    let file = PathBuf::from(file);
    let ends_well = file
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("svg"));
    if ends_well {
        Ok(file)
    } else {
        Err("only a file that ends in .svg can be drawn".into())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Cli, Verb};

    fn parsed(words: &[&str]) -> Result<History, String> {
        let words = [&["netroam", "history"], words].concat();
        match Cli::try_parse_from(words).map(|cli| cli.verb) {
            Ok(Verb::History(history)) => Ok(history),
            Ok(verb) => panic!("{verb:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn since_is_a_time_ago_or_a_day() {
        let hours = |hours: u64| Since::Ago(Duration::from_secs(hours * 3600));
        for (text, since) in [
            ("90m", Since::Ago(Duration::from_secs(5400))),
            ("12h", hours(12)),
            ("7d", hours(168)),
            ("2w", hours(336)),
            ("2026-11-20", Since::Day("2026-11-20".parse().unwrap())),
        ] {
            assert_eq!(text.parse(), Ok(since));
        }
        for text in [
            "",
            "d",
            "7",
            "-7d",
            "+7d",
            "7 d",
            "0d",
            "7y",
            "99999999999d",
            "2026-11-31",
        ] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
        assert_eq!(parsed(&[]).unwrap().since, hours(168));
    }

    #[test]
    fn a_picture_takes_a_file_only_after_an_equals_sign_and_only_as_svg() {
        let history = parsed(&["--plot", "gw1"]).unwrap();
        assert_eq!(history.plot, Some(None));
        assert_eq!(history.host.as_deref(), Some("gw1"));
        let history = parsed(&["--plot=a b/week.SVG"]).unwrap();
        assert_eq!(history.plot, Some(Some("a b/week.SVG".into())));
        assert_eq!(parsed(&[]).unwrap().plot, None);
        for file in ["--plot=week.png", "--plot=svg", "--plot=.svg", "--plot="] {
            let error = parsed(&[file]).unwrap_err();
            assert!(error.contains("svg"), "{error}");
        }
        let error = parsed(&["--plot", "--json"]).unwrap_err();
        assert!(error.contains("cannot be used with"), "{error}");
    }
}
