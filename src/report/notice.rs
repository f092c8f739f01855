//! The lines that stay: what was lost, and the details for which `?` asks.

use super::{duration, failure, no_path, over, plain, reason_text, state, stuck};
use crate::{
    connect::Failure,
    supervisor::{Again, Notice, Reason, Status},
};

/// A line that stays.
pub fn notice(host: &str, notice: &Notice) -> String {
    match notice {
        Notice::Lost {
            reason,
            input_in_doubt,
            again,
        } => {
            let doubt = if *input_in_doubt {
                "; what was typed in the last seconds may be lost"
            } else {
                ""
            };
            let next = match again {
                Again::Attach | Again::Never => "",
                Again::Anew => "; nothing kept it, what follows is a new one",
                Again::Rerun => "; the command will be run again",
            };
            let over = match reason {
                Reason::AddressLost {
                    now: Some(path), ..
                } => {
                    format!(", reconnecting{}", over(Some(path)))
                }
                Reason::AddressLost { now: None, .. }
                | Reason::PathLost { .. }
                | Reason::PathMoved { .. }
                | Reason::PathBack
                | Reason::Slept
                | Reason::Silent(_)
                | Reason::Adrift(_)
                | Reason::Stuck(_)
                | Reason::Connection(_) => String::new(),
            };
            format!("{host}: {}{over}{doubt}{next}", reason_text(reason))
        }
        Notice::Details { status, lost, next } => {
            let what = match status {
                Status::NoPath(why) => format!("{host}: no path to the host ({})", no_path(why)),
                Status::Waiting {
                    wanted, failure, ..
                } => {
                    let failure = failure.as_ref().map_or_else(String::new, |failure| {
                        format!("; last attempt: {}", super::failure(host, failure))
                    });
                    format!("{host}: nothing is sent over any path but {wanted}{failure}")
                }
                Status::Retrying(why @ (Failure::Resolve(_) | Failure::NoSuchName(_))) => format!(
                    "{host}: {}: a misspelt name, or one that only a VPN knows?",
                    failure(host, why)
                ),
                Status::Retrying(why) => format!("{host}: last attempt: {}", failure(host, why)),
                Status::RetryingLogin { stage, .. } => {
                    format!("{host}: last attempt: {}", stuck(*stage))
                }
                Status::RetryingSsh(why) => format!("{host}: last attempt: {}", plain(why)),
                Status::Dialling(path) | Status::Attaching { path, .. } => {
                    format!("{host}: connecting{}", over(path.as_ref()))
                }
                Status::Holding(reason) => format!("{host}: {}", reason_text(reason)),
                Status::Parked(_) => format!("{host}: {}", state(host, status).0),
            };
            let lost = lost.as_ref().map_or_else(String::new, |reason| {
                let why = reason_text(reason);
                // One reason is no more than that.
                let because = if why.starts_with("connection lost") {
                    ""
                } else {
                    "lost because "
                };
                format!("; {because}{why}")
            });
            let asked_to_wait = matches!(status, Status::Retrying(Failure::Busy { .. }));
            let next = match next {
                Some(next) if asked_to_wait => format!("; next attempt in {}", duration(*next)),
                Some(next) => format!("; next attempt in {}, or at any change", duration(*next)),
                None => "; nothing happens until the network changes or a key is pressed".into(),
            };
            let keys = if matches!(status, Status::Waiting { .. }) {
                "[Enter tries without, q: quit]"
            } else {
                state(host, status).1
            };
            format!("{what}{lost}{next} {keys}")
        }
    }
}
