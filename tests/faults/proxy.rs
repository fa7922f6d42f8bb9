//! A proxy before the server that can be told to misbehave. Threads of its own, plain TCP.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

/// What is done to the next bytes from the server.
#[derive(Default)]
pub struct Mischief {
    /// So many replies are cut in the middle, and the connection with them.
    pub cuts: AtomicU64,
    /// So many connections hear nothing more, though what they send arrives; half open, for so long as they like.
    pub deaf: AtomicU64,
    /// So many replies come late, by this time, ms.
    pub delays: AtomicU64,
    pub delay_ms: AtomicU64,
    /// So many connections are closed as soon as they are made.
    pub refusals: AtomicU64,
}

pub struct Proxy {
    pub port: u16,
    pub mischief: Arc<Mischief>,
}

fn take(count: &AtomicU64) -> bool {
    count.fetch_update(SeqCst, SeqCst, |n| n.checked_sub(1)).is_ok()
}

impl Proxy {
    /// A proxy that makes of a server one before 7.0, which does not say how many entries a stream has ever had.
    pub fn uncounted(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(up) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let _ = (client.set_nodelay(true), up.set_nodelay(true));
                let (from, to) = (client.try_clone().unwrap(), up.try_clone().unwrap());
                std::thread::spawn(move || pump(from, to, |_, _| Fate::Pass));
                std::thread::spawn(move || pump(up, client, |bytes, _| Fate::Instead(hide(bytes))));
            }
        });
        Self { port, mischief: Arc::default() }
    }

    pub fn start(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mischief = Arc::new(Mischief::default());
        let shared = Arc::clone(&mischief);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(up) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                if take(&shared.refusals) {
                    continue;
                }
                let _ = (client.set_nodelay(true), up.set_nodelay(true));
                let (from, to) = (client.try_clone().unwrap(), up.try_clone().unwrap());
                std::thread::spawn(move || pump(from, to, |_, _| Fate::Pass));
                let mischief = Arc::clone(&shared);
                let mut deaf = false;
                std::thread::spawn(move || {
                    pump(up, client, move |_, len| {
                        deaf |= take(&mischief.deaf);
                        if deaf {
                            return Fate::Swallow;
                        }
                        if take(&mischief.cuts) {
                            return Fate::Cut(len / 2);
                        }
                        if take(&mischief.delays) {
                            std::thread::sleep(Duration::from_millis(mischief.delay_ms.load(SeqCst)));
                        }
                        Fate::Pass
                    });
                });
            }
        });
        Self { port, mischief }
    }
}

enum Fate {
    Pass,
    Swallow,
    Cut(usize),
    /// These are sent.
    Instead(Vec<u8>),
}

/// Names nobody knows, of the same lengths, for what a server before 7.0 does not say.
fn hide(bytes: &[u8]) -> Vec<u8> {
    let mut hidden = bytes.to_vec();
    for name in [&b"entries-added"[..], b"max-deleted-entry-id"] {
        while let Some(at) = hidden.windows(name.len()).position(|window| window == name) {
            hidden[at..at + name.len()].fill(b'x');
        }
    }
    hidden
}

fn pump(mut from: TcpStream, mut to: TcpStream, mut fate: impl FnMut(&[u8], usize) -> Fate) {
    let mut buf = vec![0; 1 << 16];
    while let Ok(len @ 1..) = from.read(&mut buf) {
        let written = match fate(&buf[..len], len) {
            Fate::Pass => to.write_all(&buf[..len]),
            Fate::Swallow => Ok(()),
            Fate::Instead(bytes) => to.write_all(&bytes),
            Fate::Cut(at) => {
                let _ = to.write_all(&buf[..at]);
                break;
            }
        };
        if written.is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
