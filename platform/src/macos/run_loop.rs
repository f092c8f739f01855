//! The thread that hears what Apple's frameworks say.

use std::{
    ffi::c_void,
    io, ptr,
    sync::{Arc, mpsc},
    thread,
};

use system_configuration::core_foundation::{
    base::{TCFType as _, kCFAllocatorDefault},
    runloop::{
        CFRunLoop, CFRunLoopGetCurrent, CFRunLoopSource, CFRunLoopSourceContext,
        CFRunLoopSourceCreate, CFRunLoopSourceSignal, CFRunLoopStop, CFRunLoopWakeUp,
        kCFRunLoopDefaultMode,
    },
};

use super::{mailbox::Mailbox, root_domain::RootDomain, store};

/// A run loop on a thread of its own, with the dynamic store and the power manager. Dropping it ends both.
#[derive(Debug)]
pub(super) struct Listener {
    stop: Stop,
    thread: Option<thread::JoinHandle<()>>,
}

impl Listener {
    /// Subscribes; what changes after it has returned is left in `mailbox`.
    ///
    /// # Errors
    /// When configd takes no subscription. Without the power manager's, the clocks tell of a sleep.
    pub(super) fn start(mailbox: Arc<Mailbox>) -> io::Result<Self> {
        let (ready, begun) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("network events".into())
            .spawn(move || listen(&mailbox, &ready))?;
        let stop = begun
            .recv()
            .map_err(|_| io::Error::other("the thread for network events has ended"))??;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.signal();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread for network events has panicked");
        }
    }
}

fn listen(mailbox: &Arc<Mailbox>, ready: &mpsc::SyncSender<io::Result<Stop>>) {
    let run_loop = CFRunLoop::get_current();
    #[expect(unsafe_code, reason = "a constant of Core Foundation")]
    // SAFETY: it is never written to.
    let mode = unsafe { kCFRunLoopDefaultMode };
    let (store, changes) = match store::subscribe(Arc::clone(mailbox)) {
        Ok(subscription) => subscription,
        Err(error) => return tell(ready, Err(error)),
    };
    let power = RootDomain::subscribe(Arc::clone(mailbox))
        .inspect_err(|error| tracing::warn!(%error, "only the clocks tell of a sleep"))
        .ok();
    let stop = stop_source();
    let sources = [
        Some(changes),
        power.as_ref().map(RootDomain::source),
        Some(stop.clone()),
    ];
    for source in sources.iter().flatten() {
        run_loop.add_source(source, mode);
    }
    tell(
        ready,
        Ok(Stop {
            run_loop: run_loop.clone(),
            source: stop,
        }),
    );
    CFRunLoop::run_current();
    for source in sources.iter().flatten() {
        run_loop.remove_source(source, mode);
    }
    // Their sources are off the loop: nothing calls back any more.
    drop((power, store));
}

fn tell(ready: &mpsc::SyncSender<io::Result<Stop>>, result: io::Result<Stop>) {
    if ready.send(result).is_err() {
        tracing::debug!("nobody waits for network events");
    }
}

/// What ends the loop, from any thread. A source that is signalled stays signalled until the loop runs, so it does not matter whether it does
/// already; `CFRunLoopStop` alone would be lost before.
struct Stop {
    run_loop: CFRunLoop,
    source: CFRunLoopSource,
}

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stop")
    }
}

#[expect(unsafe_code, reason = "the wrapper of sources says nothing of threads")]
// SAFETY: `signal` makes only calls that Core Foundation documents as safe on any thread, as its reference counts are.
unsafe impl Send for Stop {}

impl Stop {
    fn signal(&self) {
        #[expect(unsafe_code, reason = "the wrapper does not have these calls")]
        // SAFETY: both objects are held by us.
        unsafe {
            CFRunLoopSourceSignal(self.source.as_concrete_TypeRef());
            CFRunLoopWakeUp(self.run_loop.as_concrete_TypeRef());
        }
    }
}

fn stop_source() -> CFRunLoopSource {
    let mut context = CFRunLoopSourceContext {
        version: 0,
        info: ptr::null_mut(),
        retain: None,
        release: None,
        copyDescription: None,
        equal: None,
        hash: None,
        schedule: None,
        cancel: None,
        perform: end,
    };
    #[expect(unsafe_code, reason = "the wrapper makes no such source")]
    // SAFETY: the context is copied, and has no pointer to anything but the function.
    unsafe {
        CFRunLoopSource::wrap_under_create_rule(CFRunLoopSourceCreate(
            kCFAllocatorDefault,
            0,
            &raw mut context,
        ))
    }
}

extern "C" fn end(_: *const c_void) {
    #[expect(unsafe_code, reason = "called by Core Foundation")]
    // SAFETY: it is called by the loop that it stops, on that loop's thread.
    unsafe {
        CFRunLoopStop(CFRunLoopGetCurrent());
    }
}
