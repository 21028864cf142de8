//! What the service does by itself.

mod retention;
mod rotation;

pub use retention::RetentionJob;
pub use rotation::RotationJob;
