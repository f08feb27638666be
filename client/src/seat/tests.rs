//! Tests of a seat as a whole: each imports mirrors of an office that a test can make dishonest in any way.

mod converge;
mod import;
mod keys;
mod setting;
mod trust;
mod writing;
