//! What is apart in a cluster: the keys of its nodes, and the way of latest values beside the transactions.

use super::redis::Server;
use crate::{
    engine::{Incidents, LatestWriter},
    redis_io::{LinkOptions, Nodes, ServerGroup},
};
use anyhow::{Context, Result};
use std::sync::Arc;

impl Server<'_> {
    /// Whether its keys are on several nodes.
    pub fn is_cluster(&self) -> bool {
        matches!(self.address.group(), Some(ServerGroup::Cluster { .. }))
    }

    /// What writes latest values to the nodes of a cluster, whose keys are of no partition; `None` where they go with the
    /// transactions.
    ///
    /// # Errors
    /// The system starts no thread.
    pub(super) fn apart(&self, incidents: &Arc<Incidents>) -> Result<Option<LatestWriter>> {
        if !self.is_cluster() || !self.config.output.latest_values {
            return Ok(None);
        }
        let options = LinkOptions { key: None, ..self.link_options("latest") };
        let nodes = Nodes::new(self.address.clone(), options);
        let apart = LatestWriter::start(nodes, self.clock.clone(), Arc::clone(incidents));
        apart.map(Some).context("a thread for the latest values")
    }
}
