//! stub
/// Stub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Finished { status: u8 },
    RemoteKilled { signal: String },
    Escaped,
    Interrupted,
    Lost { why: String },
    Unreachable { why: String },
    NeedsPerson { what: String },
    Denied,
    HostKeyChanged,
    HostKeyRefused,
    UnknownHost { why: String },
    TakenOver,
    ContextGone,
    Unusable { line: String },
    EndedByUs,
}
