//! `cssr-desk`: read and answer letters, mirror the relay. See `cssr-desk --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cssr_client::cli::desk::main()
}
