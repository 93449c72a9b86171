//! The process around the gateway: commands, signals, reload, and what it tells.

mod commands;
mod reload;
mod signals;
mod tells;
