//! Changes that have nothing to do with the path to the host.

use netroam_lab::{Lab, Mux, Net};
use netroam_platform::clock;

use super::{
    log::Log,
    support::{own, pause, ticking},
};

#[test]
fn containers_that_come_and_go_are_looked_at_and_nothing_more() {
    const SECONDS: usize = 10;
    let lab = Lab::new().unwrap();
    lab.arrive(Net::Home).unwrap();
    lab.start_probe(Mux::Screen, "probe").unwrap();
    let log = Log::new(&lab);
    let terminal = log.watch(&lab, &["--session", "probe", "work"], &[]);
    ticking(&terminal, clock::wall());
    let first = own(&terminal);
    // What goes with the login is over.
    pause(1.0);
    let (mark, start) = (log.mark(), clock::wall());

    let noise = lab.noise(100).unwrap();
    pause(10.0);
    let events = noise.end().unwrap();
    ticking(&terminal, clock::wall());

    assert!(events >= 90 * SECONDS, "{events} events");
    let looks = log.since(mark).matches(" input=Looked(").count();
    assert!(looks > SECONDS, "it was deaf: {looks} looks");
    // 20 a second, and what was saved up before.
    assert!(looks <= 20 * (SECONDS + 1) + 10, "{looks} looks");
    assert_eq!(log.actions(mark), [""; 0]);
    assert_eq!(own(&terminal), first);
    let gap = terminal.ticks().longest_gap(start, clock::wall());
    assert!(gap.as_secs_f64() < 2.0, "nothing was seen for {gap:?}");
}
