//! Words for what was: outages, and what the sessions were doing.

use super::{duration, plain};
use crate::{
    history::{End, Outage, Phase, Share, Summary},
    record::PathFacts,
};

/// Why a session was lost, where the journal has lost that line.
pub const NO_REASON: &str = "the journal does not say why";

/// What is known after the last line of a netroam that is gone without a word.
pub const SILENT: &str = "netroam was killed, or the machine went down";

/// The columns of the table of outages.
pub const COLUMNS: [&str; 7] = ["LOST", "FOR", "YOU", "NETROAM", "SESSION", "PATH", "WHY"];

/// The reason in the words of a verdict to end ssh ([`super::verdict_text`]).
pub fn reason_of_verdict(text: &str) -> &str {
    let ends = [
        ": ends ssh",
        ": stops ssh, and ends it after the next login",
    ];
    ends.iter()
        .find_map(|end| text.strip_suffix(end))
        .unwrap_or(text)
}

/// What a session was doing.
pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Attached => "attached",
        Phase::Doubtful => "in doubt",
        Phase::Holding => "held",
        Phase::Connecting => "connecting",
        Phase::Retrying => "no answer",
        Phase::Network => "no network",
        Phase::Person => "waiting for you",
        Phase::Unknown => "unknown",
    }
}

/// By which name a session is shown, as `netroam ls` has it.
pub fn session(host: &str, session: Option<&str>) -> String {
    session.map_or_else(
        || plain(host),
        |session| plain(&format!("{host}/{session}")),
    )
}

/// From which network to which, or what came instead of a return.
pub fn paths(outage: &Outage) -> String {
    let (from, to) = (outage.from.as_ref(), outage.to.as_ref());
    let moved = matches!((from, to), (Some(from), Some(to)) if from.interface == to.interface && from.source != to.source);
    let name = |path: Option<&PathFacts>| match path {
        // The name alone would say that nothing has changed.
        Some(path) if moved => plain(&format!("{} ({})", path.interface, path.source)),
        Some(path) => plain(&path.interface),
        None => "?".into(),
    };
    let after = match outage.end {
        End::Attached => name(to),
        End::Lasts => "still lost".into(),
        End::GaveUp => "given up".into(),
        End::Ended => "ended".into(),
        End::Unknown => "unknown".into(),
    };
    format!("{} → {after}", name(from))
}

/// All outages in one line.
pub fn summary(summary: &Summary) -> String {
    let Summary {
        outages,
        total,
        longest,
        person,
        netroam,
    } = summary;
    if *outages == 0 {
        return "no outage".into();
    }
    let plural = if *outages == 1 { "" } else { "s" };
    let together = if *outages == 1 {
        format!("of {}", duration(*total))
    } else {
        format!(
            "of {} together, the longest {}",
            duration(*total),
            duration(*longest)
        )
    };
    let share = |who: &str, share: &Share| match share.outages {
        0 => String::new(),
        1 => format!("; {who} {}", duration(share.total)),
        _ => format!(
            "; {who} {}, median {}",
            duration(share.total),
            duration(share.median)
        ),
    };
    format!(
        "{outages} outage{plural} {together}{}{}",
        share("waiting for you", person),
        share("netroam itself took", netroam)
    )
}

/// That there is nothing to tell, and where it would be. `of` names the host, if only one is meant; `known`: what its sessions did is known.
pub fn nothing(of: Option<&str>, since: &str, place: &std::path::Path, known: bool) -> String {
    let of = of.map_or_else(String::new, |host| format!(" of {}", plain(host)));
    let place = plain(&place.display().to_string());
    let what = if known {
        "no outage"
    } else {
        "nothing is written down"
    };
    format!("{what}{of} since {since} (looked in {place})")
}
