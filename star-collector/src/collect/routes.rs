//! The API (contracts §9).

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    routing::{get, post},
};
use http::StatusCode;
use messages::problem;
use service_kit::{
    Problem,
    extract::{Path, read_within},
};
use utoipa::OpenApi;

use super::{
    channels::Channels,
    error::Error,
    intake::Intake,
    message::{Checked, Said, base64_bytes},
};

/// What a visitor reads.
const WELCOME: &str = "Anonymous measurements are collected here: what fewer clients than a threshold agree on stays \
                       closed.\n";

/// The description of the routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "star-collect",
        description = "Takes anonymous measurements (nested STAR) and keeps them until enough clients agree"
    ),
    paths(welcome, post_default, post_channel)
)]
pub(super) struct ApiDoc;

/// What the handlers share.
#[derive(Clone, Debug)]
pub(super) struct AppState {
    pub(super) channels: Arc<Channels>,
    pub(super) intake: Intake,
}

/// The routes.
pub(super) fn router(state: AppState) -> Router {
    Router::new()
        .route("/", get(welcome).post(post_default))
        .route("/{channel}", post(post_channel))
        .with_state(state)
}

/// Says what this is.
#[utoipa::path(
    get,
    path = "/",
    operation_id = "welcome",
    responses((status = 200, body = String, content_type = "text/plain"))
)]
async fn welcome() -> &'static str {
    WELCOME
}

/// Takes a message for the default channel.
///
/// 204: it is durable, or its client is older than those whose messages are kept. Any other answer: it may be sent again;
/// a message that was kept twice counts once.
#[utoipa::path(
    post,
    path = "/",
    operation_id = "send",
    params(
        ("brave-p3a-version" = Option<String>, Header, description = "The client's version, such as 3"),
        ("brave-p3a-constellation-threshold" = Option<u32>, Header,
         description = "The threshold of the message; without it, the channel's")
    ),
    request_body(content = String, content_type = "text/plain", description = "The message: bincode, in base64"),
    responses((status = 204), (status = "default", body = problem::Problem))
)]
async fn post_default(
    State(state): State<AppState>,
    said: Result<Said, Problem>,
    request: Request,
) -> Result<StatusCode, Problem> {
    take(&state, None, said, request).await
}

/// Takes a message for a channel.
#[utoipa::path(
    post,
    path = "/{channel}",
    operation_id = "sendTo",
    params(
        ("channel" = String, Path, description = "The channel's name"),
        ("brave-p3a-version" = Option<String>, Header, description = "The client's version, such as 3"),
        ("brave-p3a-constellation-threshold" = Option<u32>, Header,
         description = "The threshold of the message; without it, the channel's")
    ),
    request_body(content = String, content_type = "text/plain", description = "The message: bincode, in base64"),
    responses((status = 204), (status = "default", body = problem::Problem))
)]
async fn post_channel(
    State(state): State<AppState>,
    Path(channel): Path<String>,
    said: Result<Said, Problem>,
    request: Request,
) -> Result<StatusCode, Problem> {
    take(&state, Some(&channel), said, request).await
}

async fn take(
    state: &AppState,
    channel: Option<&str>,
    said: Result<Said, Problem>,
    request: Request,
) -> Result<StatusCode, Problem> {
    let found = state.channels.named(channel);
    let channel = found.ok_or(Error::UnknownChannel)?;
    let bytes_max = base64_bytes(channel.entrance.channel.message_bytes_max);
    let taking = async {
        let body = read_within(bytes_max, request).await;
        let said = said?;
        if !channel.entrance.keeps(said.version) {
            // Whatever it sent: nobody looks at it.
            channel.dropped.increment();
            return Ok(());
        }
        let body = body?;
        let message = Checked::read(&channel.entrance.channel, said.threshold, &body)?;
        state.intake.keep(Arc::clone(&channel), message).await?;
        channel.kept.increment();
        Ok(())
    };
    let taken = taking.await.inspect_err(|_| channel.refused.increment());
    taken.map(|()| StatusCode::NO_CONTENT)
}
