//! `/proc/PID/stat` of processes whose names are anybody's choice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netroam_platform::fuzzing;

fuzz_target!(|stat: &str| {
    let Some((started, parent)) = fuzzing::process(stat) else {
        return;
    };
    // A name may have parentheses and lines in it, and changes nothing.
    let fields = stat.rsplit_once(')').expect("the end of the name").1;
    let renamed = format!("1 (a) R 1 2 ) {}) \n(b){fields}", u64::MAX);
    assert_eq!(fuzzing::process(&renamed), Some((started, parent)));
});
