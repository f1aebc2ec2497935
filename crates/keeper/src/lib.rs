//! The keeper.

mod alert;
mod config;
mod feeder;
mod job;
mod memory;
mod metrics;
mod plan;
mod policy;
mod run;

pub use config::{Alerts, Config, Prices, Sending, Watching};
pub use job::{Claim, Class, Duty, Job, JobKey, Urgency};
pub use memory::{Memory, Verdict};
pub use plan::{Identity, Own, Plan, Scan, Situation, plan};
pub use policy::Policy;
pub use run::{Options, Summary, run};
