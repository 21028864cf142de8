//! What every implementation of [`Store`] must do. One suite, run on each engine.
