//! One step's JavaScript engine, from its start to the words for what it threw.
//!
//! Called by the templates, values and scripts of one step. A session is never shared between steps or runs.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use rquickjs::context::{EvalOptions, intrinsic};
use rquickjs::function::{Args, Rest};
use rquickjs::{Context, Ctx, FromJs, Function, Object, Persistent, Runtime, Value as Js};
use serde_json::Value;

use super::convert::{Kit, Refusal, from_js, into_js, throw};
use super::error::{ExpressionError, WantedBy, WantedLink};
use super::functions::{self, Surroundings};
use super::javascript::{Code, Engine};
use super::scope::Scope;
use super::syntax::{self, Shape, USER_FILE};

/// The name that our own JavaScript bears in stack traces.
pub(crate) const OUR_FILE: &str = "counterfoil.js";

/// What the language is made of here: no Date, no clock, no shared memory, no finalisers.
type Intrinsics = (
    intrinsic::Eval,
    intrinsic::RegExpCompiler,
    intrinsic::RegExp,
    intrinsic::Json,
    intrinsic::Proxy,
    intrinsic::MapSet,
    intrinsic::Promise,
);

/// Started by the first expression that needs it. The expressions of one step share it, and frozen data.
pub struct Session<'e> {
    engine: &'e Engine,
    running: Option<Running>,
}

/// Fields are dropped in this order: nothing may outlive the runtime that it came from.
struct Running {
    functions: HashMap<(usize, String), (Arc<str>, Persistent<Function<'static>>)>,
    values: HashMap<String, (Arc<Value>, Persistent<Js<'static>>)>,
    installed: BTreeSet<&'static str>,
    shared: Rc<Shared>,
    context: Context,
    _runtime: Runtime,
}

/// What the value functions reach from inside the engine.
#[derive(Default)]
struct Shared {
    start: RefCell<Option<Persistent<Object<'static>>>>,
    money: RefCell<Option<Persistent<Object<'static>>>>,
    surroundings: RefCell<Surroundings>,
    wanted: RefCell<Option<WantedLink>>,
    interrupted: Cell<bool>,
}

impl<'e> Session<'e> {
    pub(crate) fn new(engine: &'e Engine) -> Self {
        Self { engine, running: None }
    }

    pub(crate) fn evaluate(&mut self, code: &Code, scope: &Scope) -> Result<Value, ExpressionError> {
        let running = match self.running.take() {
            Some(running) => running,
            None => Running::start(self.engine)?,
        };
        self.running.insert(running).evaluate(code, scope)
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Session").field("running", &self.running.is_some()).finish_non_exhaustive()
    }
}

impl Running {
    fn start(engine: &Engine) -> Result<Self, ExpressionError> {
        let runtime = Runtime::new().map_err(|_| no_memory())?;
        runtime.set_memory_limit(engine.limits.memory_bytes);
        runtime.set_max_stack_size(engine.limits.stack_bytes);
        let shared = Rc::new(Shared::default());
        let (seen, mut ask, mut left) =
            (shared.clone(), (engine.interrupts)(), engine.limits.interrupt_checks);
        runtime.set_interrupt_handler(Some(Box::new(move || {
            left = left.saturating_sub(1);
            seen.interrupted.set(seen.interrupted.get() || left == 0 || ask());
            seen.interrupted.get()
        })));
        let context = Context::custom::<Intrinsics>(&runtime).map_err(|_| no_memory())?;
        let start = context.with(|ctx| {
            let start: rquickjs::Result<Object> = eval(&ctx, include_str!("engine/start.js"), OUR_FILE);
            start.map(|start| Persistent::save(&ctx, start)).map_err(|_| error_of(&ctx.catch()))
        })?;
        shared.start.replace(Some(start));
        let (functions, values, installed) = Default::default();
        Ok(Self { functions, values, installed, shared, context, _runtime: runtime })
    }

    fn evaluate(&mut self, code: &Code, scope: &Scope) -> Result<Value, ExpressionError> {
        self.shared.surroundings.replace(Surroundings::of(scope));
        self.shared.wanted.take();
        let context = self.context.clone();
        let outcome = context.with(|ctx| {
            let outcome = self.evaluate_in(&ctx, code, scope);
            outcome.map_err(|refusal| match refusal {
                Refusal::Threw => self.why(&ctx),
                Refusal::Result(error) => error,
            })
        });
        // Even where the code caught it: an answer that went without the link would be a wrong one.
        match self.shared.wanted.take() {
            Some(wanted) => Err(ExpressionError::wanting(wanted)),
            None => outcome,
        }
    }

    fn evaluate_in<'js>(&mut self, ctx: &Ctx<'js>, code: &Code, scope: &Scope) -> Result<Value, Refusal> {
        self.install(ctx, code)?;
        let kit = self.shared.kit(ctx)?;
        let names: Vec<&str> =
            code.names.iter().map(String::as_str).filter(|name| scope.knows(name)).collect();
        let mut arguments = Args::new(ctx.clone(), names.len());
        for name in &names {
            arguments.push_arg(self.argument(&kit, name, code, scope)?)?;
        }
        let outer = self.function(ctx, code, &names)?;
        let inner: Function = outer.call_arg(arguments)?;
        from_js(&kit, inner.call(())?)
    }

    fn argument<'js>(
        &mut self,
        kit: &Kit<'js>,
        name: &str,
        code: &Code,
        scope: &Scope,
    ) -> rquickjs::Result<Js<'js>> {
        // A step's own code gets copies, to do with as it likes; expressions share what they can't change.
        let freeze = code.shape != Shape::Body;
        match (scope.get(name), name) {
            (_, "links") => self.links(kit, code),
            (Some(value), _) => self.converted(kit, name.to_string(), value, freeze),
            (None, "steps") => {
                let steps = Object::new(kit.ctx.clone())?;
                let named = code.named_under("steps");
                for (id, result) in scope.steps() {
                    if named.as_ref().is_none_or(|ids| ids.contains(id.as_str())) {
                        steps
                            .set(id.as_str(), self.converted(kit, format!("steps.{id}"), result, freeze)?)?;
                    }
                }
                Ok(steps.into_value())
            }
            _ => Ok(Js::new_null(kit.ctx.clone())),
        }
    }

    /// Converts a value once, as long as the name stands for the same one.
    fn converted<'js>(
        &mut self,
        kit: &Kit<'js>,
        key: String,
        value: &Arc<Value>,
        freeze: bool,
    ) -> rquickjs::Result<Js<'js>> {
        if !freeze {
            return into_js(kit, value, false);
        }
        if let Some((known, converted)) = self.values.get(&key)
            && Arc::ptr_eq(known, value)
        {
            return converted.clone().restore(&kit.ctx);
        }
        let converted = into_js(kit, value, true)?;
        self.values.insert(key, (value.clone(), Persistent::save(&kit.ctx, converted.clone())));
        Ok(converted)
    }

    /// `links.invoice(key)`, `.all(prefix)` and `.source(providerId)`, for the names that the code mentions.
    fn links<'js>(&self, kit: &Kit<'js>, code: &Code) -> rquickjs::Result<Js<'js>> {
        let links = Object::new(kit.ctx.clone())?;
        for name in code.named_under("links").unwrap_or_default() {
            let by = |by: WantedBy| {
                let (shared, name) = (self.shared.clone(), name.to_string());
                Function::new(kit.ctx.clone(), move |ctx: Ctx<'js>, key: Js<'js>| {
                    shared.link(&ctx, &name, by, key)
                })
            };
            let link = by(WantedBy::Key)?;
            link.set("all", by(WantedBy::Prefix)?)?;
            link.set("source", by(WantedBy::Source)?)?;
            links.set(name, link)?;
        }
        Ok(links.into_value())
    }

    /// The code as a function of the names that it uses, parsed once in this engine.
    fn function<'js>(
        &mut self,
        ctx: &Ctx<'js>,
        code: &Code,
        names: &[&str],
    ) -> rquickjs::Result<Function<'js>> {
        let key = (code.source.as_ptr().addr(), names.join(","));
        if let Some((_, function)) = self.functions.get(&key) {
            return function.clone().restore(ctx);
        }
        let function: Function = eval(ctx, &code.shape.wrapped(&key.1, &code.source), USER_FILE)?;
        // The source is kept beside it, so that its address stays its own.
        self.functions.insert(key, (code.source.clone(), Persistent::save(ctx, function.clone())));
        Ok(function)
    }

    /// Puts the value functions in place that the code mentions, and no others: a start costs what it uses.
    fn install(&mut self, ctx: &Ctx<'_>, code: &Code) -> rquickjs::Result<()> {
        let gone = ["Date", "eval", "Function", "Math"].iter().any(|name| code.mentions(name));
        if gone && self.installed.insert("gone") {
            let _: Js = eval(ctx, include_str!("engine/gone.js"), OUR_FILE)?;
        }
        if code.makes_long_lists && self.installed.insert("long_lists") {
            let _: Js = eval(ctx, include_str!("engine/long_lists.js"), OUR_FILE)?;
        }
        for installed in functions::INSTALLED {
            if !installed.names.iter().any(|name| code.mentions(name))
                || !self.installed.insert(installed.names[0])
            {
                continue;
            }
            let Some(javascript) = installed.javascript else {
                let name = installed.names[0];
                ctx.globals().set(name, self.native(ctx, Some(name))?)?;
                continue;
            };
            let setup: Function = eval(ctx, javascript, OUR_FILE)?;
            let class: Object = setup.call((self.native(ctx, None)?,))?;
            if installed.names == ["money"] {
                self.shared.money.replace(Some(Persistent::save(ctx, class)));
            }
        }
        Ok(())
    }

    /// The door from JavaScript to the value functions: `native(operation, …)`, or one operation itself.
    fn native<'js>(
        &self,
        ctx: &Ctx<'js>,
        operation: Option<&'static str>,
    ) -> rquickjs::Result<Function<'js>> {
        let shared = self.shared.clone();
        Function::new(ctx.clone(), move |ctx: Ctx<'js>, Rest(mut given): Rest<Js<'js>>| {
            let operation = match operation {
                Some(operation) => operation.to_string(),
                None => String::from_js(&ctx, given.remove(0))?,
            };
            shared.call(&ctx, &operation, given)
        })
    }

    /// Turns what was thrown into words for the person who wrote the flow.
    fn why(&self, ctx: &Ctx<'_>) -> ExpressionError {
        let thrown = ctx.catch();
        if self.shared.interrupted.get() {
            let message = "the JavaScript ran too long and was stopped: look for a loop that doesn't end";
            return ExpressionError::new("javascript_timeout", message);
        }
        error_of(&thrown)
    }
}

/// The value functions inside the engine hold `Shared` too: it must let go of the engine's objects first.
impl Drop for Running {
    fn drop(&mut self) {
        self.shared.start.take();
        self.shared.money.take();
    }
}

impl Shared {
    fn kit<'js>(&self, ctx: &Ctx<'js>) -> rquickjs::Result<Kit<'js>> {
        let start = self.start.borrow().clone().ok_or(rquickjs::Error::Allocation)?.restore(ctx)?;
        let money = self.money.borrow().clone().map(|money| money.restore(ctx)).transpose()?;
        Ok(Kit { ctx: ctx.clone(), start, money })
    }

    fn call<'js>(&self, ctx: &Ctx<'js>, operation: &str, given: Vec<Js<'js>>) -> rquickjs::Result<Js<'js>> {
        let kit = self.kit(ctx)?;
        let mut plain = Vec::with_capacity(given.len());
        for value in given {
            plain.push(from_js(&kit, value).map_err(|refusal| rethrow(ctx, refusal))?);
        }
        let surroundings = self.surroundings.borrow().clone();
        match functions::call(operation, &plain, &surroundings) {
            Ok(value) => into_js(&kit, &value, false),
            Err(error) => Err(throw(ctx, error.code, &error.message)),
        }
    }

    fn link<'js>(&self, ctx: &Ctx<'js>, name: &str, by: WantedBy, key: Js<'js>) -> rquickjs::Result<Js<'js>> {
        let kit = self.kit(ctx)?;
        let key = match from_js(&kit, key).map_err(|refusal| rethrow(ctx, refusal))? {
            Value::Null => String::new(),
            Value::String(text) => text,
            other => other.to_string(),
        };
        let known = self.surroundings.borrow().link(name, by, &key);
        match known {
            Some(value) => into_js(&kit, &value, false),
            None => {
                self.wanted.replace(Some(WantedLink { name: name.into(), by, key }));
                Err(throw(ctx, "link_wanted", "this link has to be read first"))
            }
        }
    }
}

fn rethrow(ctx: &Ctx<'_>, refusal: Refusal) -> rquickjs::Error {
    match refusal {
        Refusal::Threw => rquickjs::Error::Exception,
        Refusal::Result(error) => {
            throw(ctx, error.code(), &error.message().replace("the result", "a value given to this function"))
        }
    }
}

fn error_of(thrown: &Js<'_>) -> ExpressionError {
    let Some(object) = thrown.as_object() else {
        let said = thrown.as_string().and_then(|text| text.to_string().ok());
        return match said {
            Some(text) => ExpressionError::new("javascript_threw", text),
            None if thrown.is_null() => no_memory(),
            None => ExpressionError::new("javascript_threw", "something that is no Error was thrown"),
        };
    };
    let text = |name: &str| object.get::<_, Option<String>>(name).ok().flatten().unwrap_or_default();
    let (name, message) = (text("name"), text("message"));
    let line = syntax::position(&text("stack"), USER_FILE).map(|(line, _)| line);
    if name == "InternalError" && message == "out of memory" {
        return no_memory();
    }
    if name == "RangeError" && message.starts_with("Maximum call stack") {
        let message = "functions call each other too deeply: look for one that calls itself without end";
        return ExpressionError::new("javascript_stack", message).on_line(line);
    }
    if let Some(code) = functions::known_code(&text("code")) {
        return ExpressionError::new(code, message).on_line(line);
    }
    let named = if matches!(name.as_str(), "" | "Error") { message } else { format!("{name}: {message}") };
    ExpressionError::new("javascript_threw", named).on_line(line)
}

fn no_memory() -> ExpressionError {
    let message = "the JavaScript used more memory than a step may have: work on less at once";
    ExpressionError::new("javascript_memory", message)
}

pub(crate) fn eval<'js, V: FromJs<'js>>(ctx: &Ctx<'js>, source: &str, file: &str) -> rquickjs::Result<V> {
    let mut options = EvalOptions::default();
    options.filename = Some(file.into());
    ctx.eval_with_options(source, options)
}
