//! `POST /v1/votes`.

use axum::{
    body::Body,
    extract::{FromRequest, State},
};
use http::Request;
use messages::payments::{VoteCredential, VoteRequest};
use serde::{Deserialize, Serialize};
use service_kit::{
    Problem,
    extract::Json,
    limits::Units,
    problem::{RetryAfter, Slug},
};
use utoipa::ToSchema;

use super::public::PublicState;
use crate::{
    domain::vote::{InvalidVote, Vote},
    votes::{Refusal, counters::Outcome},
};

/// The vote will be counted. There is nothing more to say.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(super) struct VoteAccepted {}

/// Takes a vote.
///
/// The same vote may be sent again: it is counted once and answered alike. Tokens that were sent once can only be spent
/// by the very same request.
#[utoipa::path(
    post,
    path = "/v1/votes",
    operation_id = "castVote",
    request_body = VoteRequest,
    responses(
        (status = 200, description = "The vote will be counted, once.", body = VoteAccepted),
        (status = 400, description = "The vote is malformed, a signature does not fit, or the key takes no votes.", body = messages::problem::Problem, content_type = "application/problem+json"),
        (status = 409, description = "A token was redeemed in another request.", body = messages::problem::Problem, content_type = "application/problem+json"),
        (status = 413, description = "The body is too large.", body = messages::problem::Problem, content_type = "application/problem+json"),
        (status = 415, description = "The body is not JSON.", body = messages::problem::Problem, content_type = "application/problem+json"),
        (status = 422, description = "The credentials are of several keys.", body = messages::problem::Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests.", body = messages::problem::Problem, content_type = "application/problem+json"),
        (status = 503, description = "Not now: send the same request again.", body = messages::problem::Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn cast(
    State(state): State<PublicState>,
    units: Units,
    VoteBody(request): VoteBody,
) -> Result<Json<VoteAccepted>, Problem> {
    let taken = take(&state, &units, request).await;
    state.counters.count(match &taken {
        Ok(()) => Outcome::Accepted,
        Err(problem) if problem.status().is_server_error() => Outcome::Unavailable,
        Err(_) => Outcome::Refused,
    });
    taken.map(|()| Json(VoteAccepted {}))
}

async fn take(state: &PublicState, units: &Units, request: VoteRequest) -> Result<(), Problem> {
    units.charge(request.credentials.len())?;
    let vote = Vote::new(request, state.vote_limits).map_err(invalid)?;
    state
        .intake
        .take(vote)
        .await
        .map_err(|refusal| refused(&refusal))
}

fn invalid(reason: InvalidVote) -> Problem {
    Problem::new(reason.slug()).invalid(reason.field(), reason.to_string())
}

fn refused(refusal: &Refusal) -> Problem {
    if let Refusal::Invalid(reason) = refusal {
        return invalid(*reason);
    }
    let problem = Problem::new(refusal.slug());
    match refusal {
        Refusal::Final(_) | Refusal::Invalid(_) | Refusal::Stopped => problem,
        Refusal::TryAgain(Slug::Overloaded) => problem.retry_after(RetryAfter::Seconds1),
        // An operator has to look at the registry first.
        Refusal::TryAgain(Slug::RegistryBehind | Slug::RegistryInconsistent) => {
            problem.retry_after(RetryAfter::Seconds120)
        }
        Refusal::TryAgain(_) => problem.retry_after(RetryAfter::Seconds5),
    }
}

/// The body of a vote. Unknown members are refused: they could name the voter (threat U3).
pub(super) struct VoteBody(VoteRequest);

impl FromRequest<PublicState> for VoteBody {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &PublicState) -> Result<Self, Problem> {
        if (state.rules.unknown_members_are_refused)() {
            return Json::from_request(request, state)
                .await
                .map(|Json(vote)| Self(vote));
        }
        let Json(LenientVote { vote, credentials }) = Json::from_request(request, state).await?;
        let credentials = credentials
            .into_iter()
            .map(|LenientCredential { known }| known)
            .collect();
        Ok(Self(VoteRequest { vote, credentials }))
    }
}

/// The fault that a test plants: a vote that may say anything else besides.
#[derive(Deserialize)]
struct LenientVote {
    vote: String,
    credentials: Vec<LenientCredential>,
}

#[derive(Deserialize)]
struct LenientCredential {
    #[serde(flatten)]
    known: VoteCredential,
}
