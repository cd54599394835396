//! The whole of Counterfoil in one process, told in the customer's language.

mod architecture;
mod broken;
mod catalog;
mod contacts;
mod crashes;
mod lost_replies;
mod flow_steps;
mod main_job;
mod order;
mod polling;
mod reruns;
mod schedules;
mod transitions;
mod trouble;
mod waits;
mod webhooks;
mod world;
