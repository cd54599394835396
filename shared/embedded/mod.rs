//! Room: embedded.
