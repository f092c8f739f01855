//! All that knows OpenSSH: its words, its configuration, its command line, its log, and how a run ended.

pub mod agent;
pub mod args;
pub mod command;
pub mod config;
pub mod dial;
pub mod ending;
pub mod forward;
pub mod hosts;
pub mod log;
pub mod login;
pub mod master;
pub mod place;
pub mod split;
pub mod version;

pub use agent::Agent;
pub use args::{Args, Asked, host_of};
pub use command::{Asks, Run};
pub use config::{AddressFamily, Config, SessionType};
pub use dial::{Dial, Hop};
pub use ending::{Ending, Evidence, classify};
pub use forward::{Forward, Side};
pub use log::{LogEvent, LogLine, LogReader};
pub use login::Login;
pub use master::Master;
pub use version::Version;
