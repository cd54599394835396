//! The whole of Counterfoil in one process, told in the customer's language.

mod architecture;
mod bad_elements;
mod bad_weather;
mod broken;
mod catalog;
mod crashes;
mod deliveries;
mod lifecycle;
mod limits;
mod lost_replies;
mod main_job;
mod order;
mod polling;
mod reruns;
mod secrets;
mod table_writes;
mod tokens;
mod transitions;
mod trouble;
mod webhooks;
mod world;
