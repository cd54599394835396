//! The whole of Counterfoil in one process, told in the customer's language.

mod bad_elements;
mod crashes;
mod lost_replies;
mod main_job;
mod trouble;
mod world;
