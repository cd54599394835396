//! The whole of Counterfoil in one process, told in the customer's language.

mod broken;
mod main_job;
mod order;
mod polling;
mod reruns;
mod transitions;
mod webhooks;
mod world;
