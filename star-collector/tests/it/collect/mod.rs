//! Collect as clients and operators see it: over HTTP, on a real event log.

mod app;
mod channels;
mod counting;
mod description;
mod failing;
mod keeping;
mod privacy;
mod process;
mod refusals;
