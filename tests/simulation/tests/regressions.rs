//! What once broke a promise does so no more.

use std::{fs, path::Path};

use netroam_simulation::regression::Case;

#[test]
fn what_broke_a_promise_once_keeps_it_now() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut files = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let text = fs::read_to_string(&file).unwrap();
        let case: Case = text
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let outcome = case.run(true);
        assert_eq!(
            outcome.broken,
            None,
            "{}:\n{}",
            file.display(),
            outcome.transcript.join("\n")
        );
        files += 1;
    }
    assert!(files > 0);
}
