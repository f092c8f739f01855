//! What reads the kernel's bytes, for `fuzz/` alone.

use crate::event::Event;

#[cfg(target_os = "linux")]
pub use crate::linux::fuzzing::{events, process, sockets};

// It asks nothing of macOS, so every system compiles it.
#[path = "macos/route.rs"]
#[expect(dead_code, reason = "only what reads is called")]
mod route;

/// The events of what one read of a routing socket has brought.
pub fn routing_socket(bytes: &[u8]) -> Vec<Event> {
    route::messages(bytes).filter_map(route::event).collect()
}
