//! What clients of star-collector send and get (contracts §9), member for member as `star-randsrv` and its clients have it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::encoding::Fixed;

/// The header in which a client says its version.
pub const VERSION_HEADER: &str = "brave-p3a-version";

/// The header in which a client says the threshold of its message.
pub const THRESHOLD_HEADER: &str = "brave-p3a-constellation-threshold";

/// Points to be evaluated. Unknown members are ignored.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct RandomnessRequest {
    /// Compressed ristretto255 points, canonical and none of them the identity; `maxPoints` at most.
    pub points: Vec<Fixed<32>>,
    /// The epoch that the client reckons with. Any but the current one is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u8>,
}

/// Evaluated points.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
pub struct RandomnessResponse {
    /// One for each point of the request, in its order.
    pub points: Vec<Fixed<32>>,
    /// The epoch in which they were evaluated.
    pub epoch: u8,
}

/// What a client must know about an instance.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InfoResponse {
    /// The public key of all epochs of the key: bincode 1 of `ppoprf`'s `ServerPublicKey`, in base64.
    pub public_key: String,
    /// The epoch in which points are evaluated now.
    pub current_epoch: u8,
    /// When that ends.
    pub next_epoch_time: DateTime<Utc>,
    /// The most points of one request.
    pub max_points: usize,
}

/// The instances that there are.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstancesResponse {
    /// Their names.
    pub instances: Vec<String>,
    /// The one whose name need not stand in the path.
    pub default_instance: String,
}
