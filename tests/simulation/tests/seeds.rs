//! A short form of `scripts/simulate`.

use netroam_simulation::regression::Case;

const SEEDS: u64 = 120;
const STEPS: u64 = 600;

#[test]
fn no_seed_breaks_a_promise() {
    for seed in 0..SEEDS {
        let outcome = Case::run_seed(seed, STEPS);
        assert_eq!(outcome.broken, None, "scripts/simulate --seed {seed}");
    }
}

#[test]
fn a_seed_is_the_same_run_each_time() {
    for seed in 0..5 {
        let case = Case::of_seed(seed, 60);
        let (first, second) = (case.run(true), case.run(true));
        assert_eq!(first.transcript, second.transcript, "seed {seed}");
        assert!(
            first.transcript.len() > 60,
            "seed {seed}: something happens"
        );
    }
}

#[test]
fn a_case_is_what_its_text_says() {
    for seed in 0..20 {
        let case = Case::of_seed(seed, 200);
        let read: Case = case.to_string().parse().unwrap();
        assert_eq!(read, case);
    }
    assert!("+5 join eth0 home".parse::<Case>().is_err());
}
