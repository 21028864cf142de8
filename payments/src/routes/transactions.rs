//! `…/transactions`: which transfers pay an order.

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::StatusCode;
use messages::{
    payments::{CardTransferRequest, Transaction, TransferRequest},
    problem::Problem as ProblemBody,
};
use service_kit::extract::Json;

use super::{
    holder::{Holder, Pay, Read},
    orders_state::OrdersState,
};
use crate::{
    domain::{
        card::CardTransaction,
        transfer::{Custodian, Transfer},
    },
    error::Error,
    transfers::Named,
};

/// Lists the transfers of an order.
#[utoipa::path(
    get,
    path = "/v1/orders/{orderId}/transactions",
    operation_id = "listTransactions",
    params(("orderId" = Uuid, Path, description = "The order.")),
    security(("capability" = [])),
    responses(
        (status = 200, description = "The transfers.", body = [Transaction]),
        (status = 401, description = "No capability, or not one for this.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn list(
    State(state): State<OrdersState>,
    Holder(allowed, _): Holder<Read>,
) -> Result<Json<Vec<Transaction>>, Error> {
    let transfers = state.store.transfers(allowed.order()).await?;
    Ok(Json(transfers.into_iter().map(shown).collect()))
}

/// Makes the route of a custodian whose users name their transfers: these differ in the custodian alone.
macro_rules! users_transfers {
    ($(#[$doc:meta])* $handler:ident, $custodian:ident, $path:tt, $operation:tt) => {
        $(#[$doc])*
        #[utoipa::path(
            post,
            path = $path,
            operation_id = $operation,
            params(("orderId" = Uuid, Path, description = "The order.")),
            security(("capability" = [])),
            request_body = TransferRequest,
            responses(
                (status = 200, description = "It was recorded before; its status was read again.", body = Transaction),
                (status = 201, description = "It is recorded.", body = Transaction),
                (status = 401, description = "No capability, or not one for this.", body = ProblemBody, content_type = "application/problem+json"),
                (status = 409, description = "It was used for another order.", body = ProblemBody, content_type = "application/problem+json"),
                (status = 422, description = "It does not pay this order.", body = ProblemBody, content_type = "application/problem+json"),
                (status = 502, description = "The custodian's answer cannot be understood.", body = ProblemBody, content_type = "application/problem+json"),
                (status = 503, description = "The custodian cannot be reached.", body = ProblemBody, content_type = "application/problem+json"),
            ),
        )]
        pub(super) async fn $handler(
            State(state): State<OrdersState>,
            Holder(allowed, _): Holder<Pay>,
            Json(request): Json<TransferRequest>,
        ) -> Result<Response, Error> {
            let order = state.order(&allowed).await?;
            let (custodian, id) = (Custodian::$custodian, request.external_transaction_id);
            Ok(answer(state.transfers.name(&order, custodian, id).await?))
        }
    };
}

users_transfers! {
    /// Names a transfer of an Uphold user.
    uphold, Uphold, "/v1/orders/{orderId}/transactions/uphold", "nameUpholdTransfer"
}

users_transfers! {
    /// Names a payment of a Gemini user.
    gemini, Gemini, "/v1/orders/{orderId}/transactions/gemini", "nameGeminiPayment"
}

/// Hands over a card's signed transfer, which is carried out here.
#[utoipa::path(
    post,
    path = "/v1/orders/{orderId}/transactions/anonymousCard",
    operation_id = "payByAnonymousCard",
    params(("orderId" = Uuid, Path, description = "The order.")),
    security(("capability" = [])),
    request_body = CardTransferRequest,
    responses(
        (status = 200, description = "It was recorded before; its status was read again.", body = Transaction),
        (status = 201, description = "It is recorded and on its way.", body = Transaction),
        (status = 400, description = "The signed transfer is malformed or refused.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 401, description = "No capability, or not one for this.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 409, description = "It was used for another order.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 422, description = "It does not pay this order.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 502, description = "The custodian's answer cannot be understood.", body = ProblemBody, content_type = "application/problem+json"),
        (status = 503, description = "The custodian cannot be reached.", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn anonymous_card(
    State(state): State<OrdersState>,
    Holder(allowed, _): Holder<Pay>,
    Json(request): Json<CardTransferRequest>,
) -> Result<Response, Error> {
    let card = CardTransaction::read(request.payment_id, &request.transaction)
        .map_err(|malformed| Error::Transaction(malformed.0))?;
    let order = state.order(&allowed).await?;
    Ok(answer(state.transfers.name_card(&order, &card).await?))
}

fn answer(named: Named) -> Response {
    let status = if named.is_new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    (status, Json(shown(named.transfer))).into_response()
}

/// A transfer as clients see it.
fn shown(transfer: Transfer) -> Transaction {
    Transaction {
        id: transfer.id,
        order_id: transfer.order_id,
        created_at: transfer.created_at,
        updated_at: transfer.updated_at,
        external_transaction_id: transfer.external_id.unwrap_or_default(),
        status: transfer.status.shown().to_owned(),
        currency: transfer.currency,
        kind: transfer.custodian.as_str().to_owned(),
        amount: transfer.amount,
    }
}
