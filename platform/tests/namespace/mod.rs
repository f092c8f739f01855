//! A network namespace of one's own, for one test.

use std::{process::Command, thread, time::Duration};

use nix::sched::{CloneFlags, unshare};

/// Long enough for a loaded machine; a test that waits this long fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Runs `test` on a thread in a fresh network namespace, with its own runtime. Programs started by it are in there too.
pub(crate) fn inside<T: Send>(test: impl AsyncFnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)
                .expect("these tests make network namespaces: run them as root");
            run("ip link set lo up");
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime")
                .block_on(test())
        });
        match thread.join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Runs a command of words without quotes, which must succeed.
pub(crate) fn run(command: &str) {
    shell(&format!("exec {command}"));
}

/// Runs a script, which must succeed, and returns what it says.
pub(crate) fn shell(script: &str) -> String {
    let output = Command::new("sh")
        .args(["-ec", script])
        .output()
        .expect("sh");
    assert!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
