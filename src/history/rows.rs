//! Which netroams kept one session one after the other.

use super::{History, Phase, Session, Span, life::Life};
use crate::{record::Stamp, report};

/// A session that is being put together, and what came last in it.
struct Row {
    key: (String, Option<String>),
    session: Session,
    /// Nothing is there after this.
    end: Stamp,
    /// The last one ended without a word: this is all that is known of the time after it.
    silent: Option<Span>,
}

/// Puts together what belongs to one session; the flag says whether the netroam lives.
pub(super) fn arrange(mut lives: Vec<(bool, Life)>, now: Stamp) -> History {
    lives.sort_by_key(|(_, life)| {
        let key = (life.host.to_lowercase(), life.session.clone());
        (key, life.began, life.pid)
    });
    let mut outages = Vec::new();
    let mut rows: Vec<Row> = Vec::new();
    for (lives, mut life) in lives {
        life.finish(lives.then_some(now));
        outages.append(&mut life.outages);
        let key = (life.host.to_lowercase(), life.session.clone());
        let free = |row: &&mut Row| row.key == key && row.end <= life.began;
        let row = if let Some(row) = rows.iter_mut().find(free) {
            row
        } else {
            let session = Session {
                host: String::new(),
                session: life.session.clone(),
                pids: Vec::new(),
                spans: Vec::new(),
            };
            rows.push(Row {
                key,
                session,
                end: life.began,
                silent: None,
            });
            let last = rows.len() - 1;
            &mut rows[last]
        };
        row.fill_silence(life.began);
        row.end = if lives { now } else { life.last };
        row.silent = (!lives && !life.is_over()).then(|| silence(life.last, life.pid));
        row.session.host.clone_from(&life.host);
        if row.session.pids.last() != Some(&life.pid) {
            row.session.pids.push(life.pid);
        }
        row.session.spans.append(&mut life.spans);
    }
    for row in &mut rows {
        row.fill_silence(now);
    }
    outages.sort_by_key(|outage| outage.lost);
    History {
        outages,
        sessions: rows.into_iter().map(|row| row.session).collect(),
    }
}

impl Row {
    fn fill_silence(&mut self, until: Stamp) {
        if let Some(silent) = self.silent.take().filter(|span| span.from < until) {
            self.session.spans.push(Span {
                to: until,
                ..silent
            });
        }
    }
}

fn silence(from: Stamp, pid: u32) -> Span {
    Span {
        from,
        to: from,
        state: Phase::Unknown,
        pid,
        text: report::history::SILENT.into(),
        path: None,
        lost: None,
    }
}
