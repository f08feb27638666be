//! What an adversary may try with statements.

mod directory;
mod encoding;
mod note;
mod pool;
mod roster;
mod rotation;
mod signatures;
