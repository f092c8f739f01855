//! What `ssh -G` prints: the user's configuration, and that of whoever wrote what it includes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use netroam::ssh::{Config, Forward};

fuzz_target!(|said: &str| {
    // Every other line may be anything.
    let with_host = format!("{said}\nhostname h\nport 22\nuser u\n");
    for said in [said, &with_host] {
        let Ok(config) = Config::parse(said) else {
            continue;
        };
        let _ = config.overridden(true);
        for forward in &config.forwards {
            let [letter, value] = forward.words();
            assert!(["-L", "-D", "-R"].contains(&letter.as_str()));
            assert!(!value.is_empty() && !value.contains('\n'), "{value:?}");
            let _ = forward.is_called(forward.side, said);
        }
        assert!(config.forwards.len() <= Forward::all(&lines(said)).len());
    }
});

fn lines(said: &str) -> Vec<String> {
    said.lines().map(str::to_owned).collect()
}
