//! The store by itself.

mod carry;
mod model;
mod partial;
mod power;
mod survey;
mod together;
mod trouble;
mod wear;

use super::Limits;
use crate::base::Size;

fn limits() -> Limits {
    Limits { size: Size::mib(64), keep_free: Size::ZERO }
}
