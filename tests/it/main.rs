//! The whole of Counterfoil in one process, told in the customer's language.

mod architecture;
mod bad_elements;
mod bad_weather;
mod broken;
mod catalog;
mod contacts;
mod crashes;
mod deliveries;
mod flow_steps;
mod lifecycle;
mod limits;
mod lost_replies;
mod main_job;
mod order;
mod polling;
mod reruns;
mod schedules;
mod secrets;
mod table_writes;
mod tokens;
mod transitions;
mod trouble;
mod waits;
mod webhooks;
mod world;
mod xero_triggers;
