//! Connecting: to the server of an address, or to the one that a group of servers names. Blocks.

use super::cluster;
use super::group::ServerGroup;
use super::link::{Link, LinkOptions};
use super::link_error::LinkError;
use super::sentinel;
use super::url::Address;

impl Link {
    /// Connects, logs in, selects the database, and makes the link non-blocking. Where the address is one of sentinels, they
    /// are asked which server that is; in a cluster it is the node that has the slot of the options' key.
    ///
    /// # Errors
    ///
    /// [`LinkError`] names the address, the step and what to do about it.
    pub fn connect(address: &Address, options: &LinkOptions) -> Result<Self, LinkError> {
        // A network of the caller's has one server.
        match address.group().filter(|_| options.network.is_none()) {
            None => Self::open(address, options),
            Some(ServerGroup::Sentinel { .. }) => sentinel::connect(address, options),
            Some(ServerGroup::Cluster { seeds }) => cluster::connect(address, options, seeds),
        }
    }
}
