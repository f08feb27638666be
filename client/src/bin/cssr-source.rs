//! `cssr-source`: send testimony, look for replies. See `cssr-source --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cssr_client::cli::source::main()
}
