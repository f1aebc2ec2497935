//! The keeper.

mod job;
mod memory;
mod plan;
mod policy;

pub use job::{Claim, Class, Duty, Job, JobKey, Urgency};
pub use memory::{Memory, Verdict};
pub use plan::{Identity, Own, Plan, Scan, Situation, plan};
pub use policy::Policy;
