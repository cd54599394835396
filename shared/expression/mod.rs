//! Expressions: what a flow's author may write between the data that comes in and the fields that go out.
//!
//! Pure: no clock, no environment, no provider, no waiting. The flow hands in a [`Scope`] and an [`Engine`], and gets a
//! value or an error in the author's words. Templates and conditions are compiled once per flow version.
//!
//! | | |
//! |---|---|
//! | [`Template`], [`Condition`] | texts with `{{ … }}`, and conditions |
//! | [`CompiledValue`] | a whole `with`, with `each` and `clear` |
//! | [`Script`] | a `javascript` step |
//! | [`functions`] | the value functions, one file each, with the examples that document them |

mod convert;
mod error;
pub mod functions;
mod javascript;
mod path;
mod references;
mod scope;
mod session;
mod syntax;
mod template;
#[cfg(test)]
mod tests;
mod tokens;
mod values;

pub use error::{ExpressionError, SyntaxError, WantedBy, WantedLink};
pub use functions::per_connection;
pub use javascript::{Engine, Interrupt, Limits, Script};
pub use path::Path;
pub use references::Reference;
pub use scope::{ROOTS, Scope};
pub use session::Session;
pub use template::{Condition, Template, is_true};
pub use values::{CompiledValue, KeepEntry};
