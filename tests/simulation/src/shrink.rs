//! Makes a failing case short: everything is left out without which the same promise is broken.

use crate::{Outcome, occurrence::Occurrence, regression::Case, setup::Setup};

/// So many simulations at most.
const TRIES: u32 = 4000;

/// The shortest case that was found to break the same promise as `case` does.
pub fn shrink(case: Case, promise: &str) -> Case {
    let mut search = Search {
        case,
        promise: promise.to_owned(),
        tries: 0,
    };
    search.cut_the_end();
    loop {
        let before = (search.case.schedule.len(), search.case.setup.len());
        search.leave_out();
        search.fewer_sessions();
        search.at_once();
        if search.tries >= TRIES || before == (search.case.schedule.len(), search.case.setup.len())
        {
            return search.case;
        }
    }
}

struct Search {
    case: Case,
    promise: String,
    tries: u32,
}

impl Search {
    /// Takes this one if it breaks the same promise.
    fn accept(&mut self, case: Case) -> bool {
        self.tries += 1;
        let same = self.tries <= TRIES && self.breaks(&case.run(false));
        if same {
            self.case = case;
        }
        same
    }

    fn breaks(&self, outcome: &Outcome) -> bool {
        outcome
            .broken
            .as_ref()
            .is_some_and(|broken| broken.promise == self.promise)
    }

    /// What comes after the promise was broken does not matter, but that time goes on.
    fn cut_the_end(&mut self) {
        let outcome = self.case.run(false);
        let mut shorter = self.case.clone();
        shorter.schedule.truncate(outcome.happened + 1);
        self.accept(shorter);
    }

    fn leave_out(&mut self) {
        let mut size = self.case.schedule.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.case.schedule.len() && self.tries < TRIES {
                if !self.accept(without(&self.case, at, size)) {
                    at += size;
                }
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    fn fewer_sessions(&mut self) {
        let mut at = 0;
        while at < self.case.setup.len() {
            let sessions = self
                .case
                .setup
                .iter()
                .filter(|line| matches!(line, Setup::Session { .. }))
                .count();
            // One session is left, and several are never anything but together.
            let kept = match self.case.setup[at] {
                Setup::Session { .. } => sessions < 2,
                Setup::Together {} => sessions > 1,
            };
            let mut fewer = self.case.clone();
            fewer.setup.remove(at);
            if kept || !self.accept(fewer) {
                at += 1;
            }
        }
    }

    /// Pauses that do not matter are none.
    fn at_once(&mut self) {
        for at in 0..self.case.schedule.len() {
            for shorter in [0, 1000] {
                let mut sooner = self.case.clone();
                let after = &mut sooner.schedule[at].after;
                if *after > shorter {
                    *after = shorter;
                    if self.accept(sooner) {
                        break;
                    }
                }
            }
        }
    }
}

/// The case without these occurrences; the time that passed before them still passes.
fn without(case: &Case, at: usize, size: usize) -> Case {
    let mut case = case.clone();
    let end = (at + size).min(case.schedule.len());
    let passed: u64 = case
        .schedule
        .drain(at..end)
        .map(|Occurrence { after, .. }| after)
        .sum();
    if let Some(next) = case.schedule.get_mut(at) {
        next.after += passed;
    }
    case
}
