use std::{
    env,
    io::{self, Write as _},
    process::ExitCode,
};

/// The exit status of netroam's own failure, as ssh has it.
const FAILED: u8 = 255;

fn main() -> ExitCode {
    if env::args_os()
        .nth(1)
        .is_some_and(|verb| verb == "hand-over")
    {
        return match netroam::connect::handover::fetch() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                // Where standard error is gone too, the exit status says it.
                drop(writeln!(io::stderr(), "netroam: {error:#}"));
                ExitCode::from(FAILED)
            }
        };
    }
    ExitCode::SUCCESS
}
