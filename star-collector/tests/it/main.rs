//! star-collector as those see it who run it.

mod aggregate;
