//! The binary as its users run it: every test here starts `foryou` as a process.

mod architecture;
mod bad_input;
mod common;
mod demo;
mod deskdrop;
mod full_disk;
mod higgs;
mod kill;
mod rest;
mod seeds;
