//! Room: expression.
