//! The whole of Counterfoil in one process, told in the customer's language.

mod architecture;
mod bad_weather;
mod catalog;
mod main_job;
mod world;
