//! The server side of nested STAR.

pub mod domain;
pub mod randomness;
