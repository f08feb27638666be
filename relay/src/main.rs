//! `cssr-relay`: the relay as a program. See `cssr-relay --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cssr_relay::cli::main()
}
