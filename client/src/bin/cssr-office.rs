//! `cssr-office`: root, roster, card. See `cssr-office --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cssr_client::cli::office::main()
}
