//! Templates, JavaScript and the value functions.
