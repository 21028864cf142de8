//! How many connections there are, in all and from each client.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use crate::limits::network;

/// Counts connections, and refuses those over a limit.
#[derive(Debug)]
pub(super) struct Connections {
    all_max: usize,
    per_client_max: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_client: HashMap<u128, usize>,
}

impl Connections {
    pub(super) fn new(all_max: usize, per_client_max: usize) -> Arc<Self> {
        Arc::new(Self {
            all_max,
            per_client_max,
            open: Mutex::default(),
        })
    }

    /// A place for a connection from `address`, if there is one.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let client = network(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= self.all_max {
            return None;
        }
        let count = open.by_client.entry(client).or_default();
        if *count >= self.per_client_max {
            return None;
        }
        *count += 1;
        open.all += 1;
        Some(Place {
            connections: Arc::clone(self),
            client,
        })
    }

    fn release(&self, client: u128) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all = open.all.saturating_sub(1);
        if let Some(count) = open.by_client.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                open.by_client.remove(&client);
            }
        }
    }
}

/// A connection's place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    client: u128,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.release(self.client);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_and_all_together_have_a_bound_and_places_come_back() {
        let connections = Connections::new(3, 2);
        let here: IpAddr = "127.0.0.1".parse().unwrap();
        let there: IpAddr = "127.0.0.2".parse().unwrap();

        let first = connections.admit(here);
        let second = connections.admit(here);
        assert!(connections.admit(here).is_none(), "over the client's bound");
        let third = connections.admit(there);
        assert!(connections.admit(there).is_none(), "over the bound of all");
        assert!(first.is_some() && second.is_some() && third.is_some());

        drop(first);
        assert!(connections.admit(here).is_some());
        drop((second, third));
        let open = connections.open.lock().unwrap();
        assert!(open.by_client.is_empty() && open.all == 0);
    }

    #[test]
    fn addresses_of_one_ipv6_network_are_one_client() {
        let connections = Connections::new(9, 1);
        let _place = connections.admit("2001:db8::1".parse().unwrap()).unwrap();

        assert!(connections.admit("2001:db8::2".parse().unwrap()).is_none());
        assert!(
            connections
                .admit("2001:db8:0:1::1".parse().unwrap())
                .is_some()
        );
    }
}
