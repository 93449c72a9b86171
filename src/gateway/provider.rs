//! The gateway's own questions to identity providers.

use super::Worker;

pub(super) async fn introspect(_worker: &Worker, _text: &str, _sections: &[String]) {}

pub(super) async fn refresh(_worker: &Worker) {}
