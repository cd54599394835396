//! The whole of Counterfoil in one process, told in the customer's language.

mod architecture;
mod catalog;
mod lifecycle;
mod main_job;
mod world;
