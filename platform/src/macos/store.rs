//! The dynamic store of configd, which says what changes in the network.

use std::{io, sync::Arc};

use system_configuration::{
    core_foundation::{
        array::CFArray,
        base::{CFType, TCFType as _, ToVoid as _},
        boolean::CFBoolean,
        dictionary::CFDictionary,
        runloop::CFRunLoopSource,
        string::CFString,
    },
    dynamic_store::{SCDynamicStore, SCDynamicStoreBuilder, SCDynamicStoreCallBackContext},
};

use super::{
    hint::{Change, KEYS, PATTERNS, Value, change},
    mailbox::Mailbox,
};

/// Subscribes; what changes from now on is left in `mailbox` once a run loop of the calling thread has the source and runs. The session is
/// to be kept as long as that.
pub(super) fn subscribe(mailbox: Arc<Mailbox>) -> io::Result<(SCDynamicStore, CFRunLoopSource)> {
    let context = SCDynamicStoreCallBackContext {
        callout: changed,
        info: mailbox,
    };
    let store = SCDynamicStoreBuilder::new("netroam")
        .callback_context(context)
        .build()
        .ok_or_else(|| io::Error::other("configd opens no session"))?;
    if !store.set_notification_keys(&list(&KEYS), &list(&PATTERNS)) {
        return Err(io::Error::other("configd takes no subscription"));
    }
    let source = store
        .create_run_loop_source()
        .ok_or_else(|| io::Error::other("configd gives no source of messages"))?;
    Ok((store, source))
}

fn list(texts: &[&'static str]) -> CFArray<CFString> {
    let strings = texts
        .iter()
        .map(|text| CFString::from_static_string(text))
        .collect::<Vec<_>>();
    CFArray::from_CFTypes(&strings)
}

/// Called on the run loop's thread, from C: it panics nowhere.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the crate's type of a callback"
)]
fn changed(store: SCDynamicStore, keys: CFArray<CFString>, mailbox: &mut Arc<Mailbox>) {
    for key in keys.iter() {
        let key = key.to_string();
        let value = value(&store, &key);
        tracing::trace!(key, ?value, "configd tells of a change");
        match change(&key, value) {
            Change::Names => mailbox.names_changed(),
            Change::Network(hint) => mailbox.put(hint),
        }
    }
}

fn value(store: &SCDynamicStore, key: &str) -> Option<Value> {
    let Some(fields) = store.get(key)?.downcast_into::<CFDictionary>() else {
        return Some(Value::default());
    };
    let text = |name| field(&fields, name)?.downcast::<CFString>();
    Some(Value {
        active: field(&fields, "Active")
            .and_then(|active| active.downcast::<CFBoolean>())
            .map(bool::from),
        interface: text("InterfaceName")
            .or_else(|| text("PrimaryInterface"))
            .map(|name| name.to_string()),
    })
}

fn field(fields: &CFDictionary, name: &'static str) -> Option<CFType> {
    let name = CFString::from_static_string(name);
    let value = fields.find(name.to_void())?;
    #[expect(unsafe_code, reason = "a property list has values of any type")]
    // SAFETY: the dictionary owns the value, which is an object of Core Foundation; the wrapper holds it on its own account.
    Some(unsafe { CFType::wrap_under_get_rule(*value) })
}
