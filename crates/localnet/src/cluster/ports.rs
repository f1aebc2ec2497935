//! Free ports, kept from other clusters on this machine.

use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

/// Below the ports that systems give to outgoing connections.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;
/// A validator wants at least 25 ports for itself.
const BLOCK: u16 = 64;

/// The ports of one cluster. No other cluster of this user takes them while this value lives.
#[derive(Debug)]
pub struct Ports {
    /// JSON RPC; the websocket is on the next one.
    pub rpc: u16,
    /// The faucet of `requestAirdrop`.
    pub faucet: u16,
    /// Gossip.
    pub gossip: u16,
    /// For everything else of the validator, first and last.
    pub dynamic: (u16, u16),
    /// For whoever runs beside the validator.
    pub spare: u16,
    /// Locked: that is what keeps others away.
    _lock: File,
}

impl Ports {
    /// Finds ports that nobody listens on. With `rpc` that one and the next are the RPC's.
    ///
    /// # Errors
    /// When `rpc` is taken; when nothing is free.
    pub fn reserve(rpc: Option<u16>) -> Result<Self> {
        if let Some(port) = rpc {
            let next = port.checked_add(1).context("the RPC port is too high")?;
            for port in [port, next] {
                if !is_free(port) {
                    bail!(
                        "port {port} is taken; choose another RPC port, it and the next are used"
                    );
                }
            }
        }
        let blocks = (LAST - FIRST) / BLOCK;
        // Processes that start at the same time look in different places first.
        let start = std::process::id() % u32::from(blocks);
        for step in 0..blocks {
            let block = (start as u16 + step) % blocks;
            if let Some(ports) = Self::of_block(FIRST + block * BLOCK, rpc)? {
                return Ok(ports);
            }
        }
        bail!("no {BLOCK} free ports in a row between {FIRST} and {LAST}")
    }

    /// The ports of a block, unless somebody has one of them.
    fn of_block(base: u16, rpc: Option<u16>) -> Result<Option<Self>> {
        let folder = std::env::temp_dir().join("ballast-ports");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join(base.to_string());
        // Another user's file cannot be opened: his block.
        let Ok(lock) = File::options()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
        else {
            return Ok(None);
        };
        if lock.try_lock().is_err() || !(base..base + BLOCK).all(is_free) {
            return Ok(None);
        }
        Ok(Some(Self {
            rpc: rpc.unwrap_or(base),
            faucet: base + 2,
            gossip: base + 3,
            dynamic: (base + 4, base + BLOCK - 2),
            spare: base + BLOCK - 1,
            _lock: lock,
        }))
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
        && UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_get_ports_of_their_own() {
        let first = Ports::reserve(None).unwrap();
        let second = Ports::reserve(None).unwrap();
        let all = |ports: &Ports| {
            let (from, to) = ports.dynamic;
            let mut all = vec![
                ports.rpc,
                ports.rpc + 1,
                ports.faucet,
                ports.gossip,
                ports.spare,
            ];
            all.extend(from..=to);
            all
        };
        let mut both = [all(&first), all(&second)].concat();
        let count = both.len();
        both.sort_unstable();
        both.dedup();
        assert_eq!(both.len(), count);
        assert!(first.dynamic.1 - first.dynamic.0 >= 25);
    }

    #[test]
    fn a_taken_port_is_refused() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = Ports::reserve(Some(port)).unwrap_err().to_string();
        assert!(error.contains(&format!("port {port} is taken")), "{error}");
        // The websocket's port, too.
        assert!(Ports::reserve(Some(port - 1)).is_err());
    }
}
