//! A folder's answer on its way to the client.

use std::sync::Arc;

use crate::config::FilesConfig;
use crate::files::{self, FileRequest, Piece};
use crate::http::{Fields, status};
use crate::net::WriteError;
use crate::transform::{ReplyFraming, stored_head};

use super::Refusal;
use super::build::rest_of;
use super::connection::{After, Connection};
use super::exchange::Exchange;
use super::reply::Reply;

/// Answers from a folder.
pub(super) async fn answer(
    exchange: &mut Exchange<'_>,
    connection: &mut Connection,
    body_read: bool,
    folder: &Arc<FilesConfig>,
) -> Result<After, Refusal> {
    let plan = &exchange.plan;
    let request = FileRequest {
        method: plan.request.method.as_str(),
        path: &plan.target.path,
        rest: rest_of(&plan.target.path, &plan.found),
        query: plan.target.query.as_deref(),
        fields: plan.request.fields,
        now: exchange.now.wall,
    };
    let answer = files::answer(folder, request).await.map_err(Refusal::File)?;
    let framing = answer.length.map_or(ReplyFraming::Nothing, ReplyFraming::Length);
    let after = exchange.after(framing, body_read);
    exchange.account.status = answer.status;
    let lines: String = answer.fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let mut head = Vec::with_capacity(512);
    let reason = status::reason(answer.status).as_bytes();
    stored_head(&mut head, answer.status, reason, lines.as_bytes(), &exchange.tail(framing, after, None))
        .map_err(|_| Refusal::Internal("a file's head is not legal"))?;
    let mut reply = Reply::new(connection, exchange.gateway.progress, framing, head);
    for piece in &answer.body {
        if let Err(error) = send(&mut reply, piece).await {
            exchange.account.sent = reply.sent();
            return Ok(if matches!(error, WriteError::ShortFile) { After::Cut } else { After::Gone });
        }
    }
    match reply.end(Fields::NONE).await {
        Ok(sent) => {
            exchange.account.sent = sent;
            exchange.account.complete = true;
            Ok(after)
        }
        Err(_) => Ok(After::Gone),
    }
}

async fn send(reply: &mut Reply<'_>, piece: &Piece) -> Result<(), WriteError> {
    match piece {
        Piece::Memory(bytes) => reply.bytes(bytes).await,
        Piece::File { file, offset, len } => reply.file(file, *offset, *len).await,
    }
}
