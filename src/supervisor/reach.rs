//! What a look says about reaching the first hop, and what is new in it.

use netroam_platform::{Lookup, NoPath, Path};

use super::{Dialler, Look, Supervisor, Wanted, judge::astray};

/// Whether, and over which path, the first hop can be reached.
pub(super) enum Reach {
    Over(Option<Path>),
    Not(NoPath),
}

impl Supervisor {
    /// Whether the first hop can be reached as it is wanted, by what the kernel said last.
    pub(super) fn reach(&self) -> Reach {
        self.look
            .as_ref()
            .map_or(Reach::Over(None), |look| reach(look, &self.wanted))
    }

    /// Whether there is nothing to do before a path comes that is wanted.
    pub(super) fn waits_for_wanted(&self) -> bool {
        self.wanted != Wanted::Anything && matches!(self.reach(), Reach::Not(_))
    }

    /// Whether ssh must not be started before the first hop's addresses are known, which `look` does not have: only of an address can be
    /// said over what path it is reached.
    pub(super) fn wants_first_hop(&self, look: Option<&Look>) -> bool {
        self.settings.dialler == Dialler::Ssh
            && self.settings.hop_known
            && self.wanted_now() != Wanted::Anything
            && look.is_some_and(|look| look.paths.is_empty())
    }

    /// Whether the latest look differs from the one before in what matters for reaching the first hop. An address that was merely learnt is
    /// no difference; where no known address can be reached, or none was known, any new address of ours is one.
    pub(super) fn differs(&self, before: Option<&Look>) -> bool {
        let (Some(before), Some(now)) = (before, &self.look) else {
            return true;
        };
        let moved = now.paths.iter().any(|(address, answer)| {
            before
                .paths
                .get(address)
                .is_some_and(|before| before != answer)
        });
        // Nothing could be said of a path before.
        let found = self.wants_first_hop(Some(before)) && !now.paths.is_empty();
        let unknown = before.paths.is_empty() || now.paths.is_empty();
        let stuck = unknown || matches!(self.reach(), Reach::Not(_));
        moved || found || stuck && before.snapshot.reaching() != now.snapshot.reaching()
    }

    /// Whether the latest look, which does not differ, is a reason to dial all the same: an address that was learnt meanwhile is the first
    /// that can be reached (true), or there is another network under a tunnel whose path is as it was (false).
    pub(super) fn invites(&self, before: Option<&Look>) -> Option<bool> {
        let (before, now) = (before?, self.look.as_ref()?);
        let Reach::Over(path) = reach(now, &self.wanted) else {
            return None;
        };
        let first = matches!(reach(before, &self.wanted), Reach::Not(_));
        let beneath = || {
            let (before, now) = (before.snapshot.grounding(), now.snapshot.grounding());
            !now.is_subset(&before)
        };
        (first || path.is_some_and(|path| path.tunnel) && beneath()).then_some(first)
    }
}

/// Whether the first hop can be reached over what is wanted, by this look.
pub(super) fn reach(look: &Look, wanted: &Wanted) -> Reach {
    if look.paths.is_empty() {
        let possible = match wanted {
            Wanted::Anything => look.snapshot.online(),
            Wanted::Tunnel | Wanted::Interface(_) => wanted.possible(&look.snapshot),
        };
        return if possible {
            Reach::Over(None)
        } else {
            Reach::Not(NoPath::NoRoute)
        };
    }
    let mut answer = Reach::Not(NoPath::NoRoute);
    for lookup in look.paths.values() {
        if astray(lookup, wanted) {
            continue;
        }
        match lookup {
            Lookup::Found(path) => return Reach::Over(Some(path.clone())),
            Lookup::Unknown(_) => answer = Reach::Over(None),
            Lookup::None(why) => {
                if matches!(answer, Reach::Not(NoPath::NoRoute)) {
                    answer = Reach::Not(why.clone());
                }
            }
        }
    }
    answer
}
