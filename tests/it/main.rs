//! The whole of Counterfoil in one process, told in the customer's language.

mod broken;
mod main_job;
mod polling;
mod transitions;
mod world;
