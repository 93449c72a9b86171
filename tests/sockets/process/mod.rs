//! The process around the gateway: commands, signals, reload, and what it tells.

mod board_command;
mod cache_command;
mod commands;
mod key_command;
mod reload;
mod signals;
mod tells;
mod usage_command;
