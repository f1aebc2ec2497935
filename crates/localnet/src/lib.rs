//! A local cluster.
