//! The whole of Counterfoil in one process, told in the customer's language.

mod bad_elements;
mod crashes;
mod deliveries;
mod limits;
mod lost_replies;
mod main_job;
mod secrets;
mod table_writes;
mod tokens;
mod trouble;
mod world;
