//! Checks JavaScript without running any of it, and says where it is wrong.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::{Context, Ctx, Object, Runtime, Value as Js};

use super::error::SyntaxError;
use super::references::free_names;
use super::tokens::{Kind, tokens};

/// The name that the user's code bears in stack traces; our own bears another.
pub(crate) const USER_FILE: &str = "flow.js";

/// Longer code than this has no business in a flow.
const LONGEST: usize = 256 * 1024;

/// What a text of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A value: `line.Quantity * 2`.
    Expression,
    /// A value of which only the truth counts.
    Condition,
    /// The inside of a function, with its own `return`.
    Body,
}

impl Shape {
    /// The code as a function of its names, whose result is a function that runs it. Two functions, so that the code
    /// may declare a name of its own over one of ours. The code begins on the second line.
    pub(crate) fn wrapped(self, parameters: &str, source: &str) -> String {
        match self {
            Self::Expression => format!("(({parameters}) => function () {{ return (\n{source}\n) }})"),
            Self::Condition => format!("(({parameters}) => function () {{ return !!(\n{source}\n) }})"),
            Self::Body => format!("(({parameters}) => function () {{\n{source}\n}})"),
        }
    }
}

/// Checks the code, and gives the names in it that stand free.
pub(crate) fn check(source: &str, shape: Shape) -> Result<BTreeSet<String>, SyntaxError> {
    if source.len() > LONGEST {
        return Err(SyntaxError::at(source, 0, "this code is longer than 256 KB"));
    }
    if let Some(offset) = source.find('\0') {
        return Err(SyntaxError::at(source, offset, "a NUL character has no place in code"));
    }
    if shape != Shape::Body && tokens(source).is_empty() {
        return Err(SyntaxError::at(source, 0, "there is no expression here"));
    }
    parse(source, shape)?;
    stays_within_its_brackets(source)?;
    Ok(free_names(source))
}

/// Has the engine parse it. A `throw` stands in front, so that nothing behind it can ever run.
fn parse(source: &str, shape: Shape) -> Result<(), SyntaxError> {
    thread_local! {
        static PARSER: OnceCell<Option<(Context, Runtime)>> = const { OnceCell::new() };
    }
    PARSER.with(|parser| {
        let parser = parser.get_or_init(|| {
            let runtime = Runtime::new().ok()?;
            runtime.set_memory_limit(64 * 1024 * 1024);
            runtime.set_max_stack_size(512 * 1024);
            let context = Context::custom::<(intrinsic::Eval, intrinsic::RegExpCompiler)>(&runtime).ok()?;
            Some((context, runtime))
        });
        let Some((context, _)) = parser else {
            return Err(SyntaxError::at(source, 0, "there is no memory to check this code"));
        };
        context.with(|ctx| parse_in(&ctx, source, shape))
    })
}

fn parse_in(ctx: &Ctx<'_>, source: &str, shape: Shape) -> Result<(), SyntaxError> {
    let mut options = EvalOptions::default();
    options.filename = Some(USER_FILE.into());
    let text = format!("throw 0;{}", shape.wrapped("", source));
    let _: rquickjs::Result<Js> = ctx.eval_with_options(text, options);
    let thrown = ctx.catch();
    let Some(error) = thrown.as_object() else { return Ok(()) };
    Err(syntax_error(source, error))
}

fn syntax_error(source: &str, error: &Object<'_>) -> SyntaxError {
    let text = |name: &str| error.get::<_, Option<String>>(name).ok().flatten().unwrap_or_default();
    let (line, column) = position(&text("stack"), USER_FILE).unwrap_or((1, 1));
    let lines = u32::try_from(source.lines().count().max(1)).unwrap_or(u32::MAX);
    let message = if line > lines { format!("{} at the end", text("message")) } else { text("message") };
    SyntaxError { line: line.clamp(1, lines), column, message, place: String::new() }
}

/// The first place in a file that a stack trace names, with the line of the wrapping taken off.
pub(crate) fn position(stack: &str, file: &str) -> Option<(u32, u32)> {
    let (_, after) = stack.split_once(&format!("{file}:"))?;
    let mut numbers = after.split(|character: char| !character.is_ascii_digit());
    let line: u32 = numbers.next()?.parse().ok()?;
    let column = numbers.next().and_then(|column| column.parse().ok()).unwrap_or(1);
    Some((line.saturating_sub(1), column))
}

/// Code that closes our bracket and opens its own would pass the parser as something else than what it is.
fn stays_within_its_brackets(source: &str) -> Result<(), SyntaxError> {
    let mut open = Vec::new();
    for token in tokens(source).iter().filter(|token| token.kind == Kind::Mark) {
        let expected = match token.text(source) {
            "(" => {
                open.push(")");
                continue;
            }
            "[" => {
                open.push("]");
                continue;
            }
            "{" => {
                open.push("}");
                continue;
            }
            closing @ (")" | "]" | "}") => closing,
            _ => continue,
        };
        if open.pop() != Some(expected) {
            return Err(SyntaxError::at(source, token.at.start, format!("unexpected `{expected}`")));
        }
    }
    Ok(())
}
