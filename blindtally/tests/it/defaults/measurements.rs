//! The defaults of star-collector (§9).

use super::Rule;

/// What the randomness service is told, its queue (§8) included.
pub(super) const RANDOMNESS: &[Rule] = &[
    (
        "epoch_duration",
        "\"1w\"",
        "`epoch_duration` | randomness | `1w`",
    ),
    (
        "first_epoch",
        "0",
        "`first_epoch`, `last_epoch` | randomness | 0, 255",
    ),
    (
        "last_epoch",
        "255",
        "`first_epoch`, `last_epoch` | randomness | 0, 255",
    ),
    (
        "epoch_base_time",
        "\"2024-01-01T00:00:00Z\"",
        "`epoch_base_time` | randomness | 2024-01-01T00:00:00Z",
    ),
    ("limits.points_max", "1024", "up to 1,024 points are taken"),
    (
        "limits.points_max",
        "1024",
        "`limits.points_max` | randomness | 1,024",
    ),
    (
        "limits.body_bytes_max",
        "131072",
        "`limits.body_bytes_max` | randomness | 128 KiB",
    ),
    (
        "http.rate_limit.burst",
        "1024",
        "`http.rate_limit.burst` | randomness | 1,024",
    ),
    (
        "crypto.queue_jobs_per_core",
        "4",
        "`crypto.queue_jobs_per_core` | 4",
    ),
];

/// What collect and aggregate are told of a channel.
pub(super) const CHANNEL: &[Rule] = &[
    (
        "channel.input_topic",
        "\"p3a-star-enc\"",
        "`channel.output_topic` | collect, aggregate | `p3a-star-enc`, `p3a-star-out`",
    ),
    (
        "channel.output_topic",
        "\"p3a-star-out\"",
        "`channel.output_topic` | collect, aggregate | `p3a-star-enc`, `p3a-star-out`",
    ),
    ("channel.k", "50", "`channel.k` | collect, aggregate | 50"),
    (
        "channel.threshold_min",
        "50",
        "`channel.threshold_max` | collect, aggregate | 50, 1,000",
    ),
    (
        "channel.threshold_max",
        "1000",
        "`channel.threshold_max` | collect, aggregate | 50, 1,000",
    ),
    (
        "channel.layers",
        "6",
        "`channel.layers` | collect, aggregate | 6",
    ),
    (
        "channel.message_bytes_max",
        "8192",
        "`message_bytes_max` (8 KiB)",
    ),
    (
        "channel.message_bytes_max",
        "8192",
        "`channel.message_bytes_max` | collect, aggregate | 8 KiB",
    ),
    (
        "channel.epoch_base_time",
        "\"2024-01-01T00:00:00Z\"",
        "2024-01-01T00:00:00Z, as `channel.epoch_base_time`",
    ),
    (
        "channel.epoch_hours",
        "168",
        "`channel.epoch_hours` | collect, aggregate | 168",
    ),
    (
        "channel.epochs_alive",
        "3",
        "`channel.epochs_alive` | collect, aggregate | 3",
    ),
    (
        "channel.date_field",
        "\"wos\"",
        "`channel.date_field` | collect, aggregate | `wos`",
    ),
];

/// What collect is told besides.
pub(super) const COLLECT: &[Rule] = &[(
    "clients.minimum_version",
    "\"\"",
    "`clients.minimum_version` | collect | none",
)];

/// What aggregate is told besides.
pub(super) const AGGREGATE: &[Rule] = &[
    (
        "limits.batch_messages",
        "50000",
        "`limits.batch_messages` | aggregate | 50,000",
    ),
    (
        "limits.memory_bytes_max",
        "1073741824",
        "`limits.memory_bytes_max` | aggregate | 1 GiB",
    ),
    (
        "limits.waiting_bytes_per_group_max",
        "4194304",
        "`limits.waiting_bytes_per_group_max` (4 MiB)",
    ),
    (
        "limits.waiting_bytes_per_group_max",
        "4194304",
        "`limits.waiting_bytes_per_group_max` | aggregate | 4 MiB",
    ),
    (
        "limits.pending_bytes_max",
        "34359738368",
        "`limits.pending_bytes_max` (32 GiB)",
    ),
    (
        "limits.pending_bytes_max",
        "34359738368",
        "`limits.pending_bytes_max` | aggregate | 32 GiB",
    ),
];
