//! The power manager's messages.

use std::{ffi::c_void, io, ptr, sync::Arc};

use system_configuration::core_foundation::{
    base::TCFType as _,
    runloop::{CFRunLoopSource, CFRunLoopSourceRef},
};

use super::{mailbox::Mailbox, power::Message};
use crate::sleep::SleepSource;

/// `io_object_t`, and `io_connect_t`.
type Object = libc::mach_port_t;

/// `IONotificationPortRef`.
type Port = *mut c_void;

/// `IOServiceInterestCallback`.
type Callback = unsafe extern "C" fn(
    context: *mut c_void,
    service: Object,
    message: u32,
    argument: *mut c_void,
);

#[expect(unsafe_code, reason = "no crate in use has these")]
#[link(name = "IOKit", kind = "framework")]
// `IOKit/IOKitLib.h` and `IOKit/pwr_mgt/IOPMLib.h`.
unsafe extern "C" {
    fn IORegisterForSystemPower(
        context: *mut c_void,
        port: *mut Port,
        callback: Callback,
        notifier: *mut Object,
    ) -> Object;
    fn IODeregisterForSystemPower(notifier: *mut Object) -> libc::c_int;
    fn IOAllowPowerChange(root: Object, notification: libc::intptr_t) -> libc::c_int;
    fn IONotificationPortGetRunLoopSource(port: Port) -> CFRunLoopSourceRef;
    fn IONotificationPortDestroy(port: Port);
    fn IOServiceClose(connection: Object) -> libc::c_int;
}

/// Who tells of a sleep: the power manager, where it takes a subscription. Nothing is heard of this one, which has no run loop.
pub(crate) async fn sleep_source() -> SleepSource {
    match RootDomain::subscribe(Arc::default()) {
        Ok(_) => SleepSource::PowerManager,
        Err(_) => SleepSource::Clocks,
    }
}

/// The subscription to the power manager's messages. It belongs to the thread that made it: the run loop there calls [`heard`].
#[derive(Debug)]
pub(super) struct RootDomain {
    context: *mut Context,
    port: Port,
    notifier: Object,
}

#[derive(Debug)]
struct Context {
    /// What answers go to.
    root: Object,
    mailbox: Arc<Mailbox>,
}

impl RootDomain {
    pub(super) fn subscribe(mailbox: Arc<Mailbox>) -> io::Result<Self> {
        let context = Box::into_raw(Box::new(Context { root: 0, mailbox }));
        let mut port = ptr::null_mut();
        let mut notifier = 0;
        #[expect(unsafe_code, reason = "IOKit has no safe form")]
        // SAFETY: both results are written to variables of ours, and the context lives until `Drop`, after the subscription.
        let root = unsafe {
            IORegisterForSystemPower(context.cast(), &raw mut port, heard, &raw mut notifier)
        };
        if root == 0 {
            #[expect(unsafe_code, reason = "the context was made a pointer above")]
            // SAFETY: nothing was registered, so nobody else has the pointer.
            drop(unsafe { Box::from_raw(context) });
            return Err(io::Error::other("the power manager takes no subscription"));
        }
        #[expect(unsafe_code, reason = "the context was made a pointer above")]
        // SAFETY: messages come only once the source is on this thread's run loop.
        unsafe {
            (*context).root = root;
        }
        Ok(Self {
            context,
            port,
            notifier,
        })
    }

    pub(super) fn source(&self) -> CFRunLoopSource {
        #[expect(unsafe_code, reason = "IOKit has no safe form")]
        // SAFETY: the port is open until `Drop`, and owns the source; the wrapper holds it on its own account.
        unsafe {
            CFRunLoopSource::wrap_under_get_rule(IONotificationPortGetRunLoopSource(self.port))
        }
    }
}

impl Drop for RootDomain {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "IOKit has no safe form")]
        // SAFETY: all four were made by `subscribe`, and end here in the order of Apple's QA1340. After that nothing calls back, and
        // the context is ours alone.
        unsafe {
            IODeregisterForSystemPower(&raw mut self.notifier);
            IOServiceClose((*self.context).root);
            IONotificationPortDestroy(self.port);
            drop(Box::from_raw(self.context));
        }
    }
}

/// Called on the run loop's thread, from C: it panics nowhere, and the machine waits for it to fall asleep.
///
/// What is said is noted before it is answered, so that no sleep comes before its announcement is known.
#[expect(unsafe_code, reason = "called by IOKit")]
unsafe extern "C" fn heard(
    context: *mut c_void,
    _service: Object,
    message: u32,
    argument: *mut c_void,
) {
    // SAFETY: it is the context of the subscription, which ends on this thread; nobody writes to it while messages come.
    let context = unsafe { &*context.cast::<Context>() };
    let message = Message::of(message);
    context.mailbox.said(message);
    if message.awaits_answer() {
        // SAFETY: the connection is open, and the argument of such a message is the number to answer with.
        let answered = unsafe { IOAllowPowerChange(context.root, argument as libc::intptr_t) };
        if answered != 0 {
            tracing::warn!(answered, ?message, "the power manager was not answered");
        }
    }
}
