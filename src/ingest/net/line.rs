//! A connection to an exchange, in each of its stages.

use super::{
    dial::{FeedSocket, Refused},
    session::WebSession,
};
use std::{collections::HashMap, sync::mpsc::Receiver};

/// A connection in some stage.
#[derive(Debug)]
pub enum FeedLine {
    /// None, until a moment, ns.
    Down(u64),
    /// On its way.
    Dialing(Receiver<Result<FeedSocket, Refused>>),
    /// Open.
    Up(Box<Open>),
}

/// An open connection.
#[derive(Debug)]
pub struct Open {
    /// Its session.
    pub session: WebSession,
    /// Whether symbols may be subscribed.
    pub ready: bool,
    /// What was asked for, by number.
    pub asked: HashMap<u64, Vec<usize>>,
    /// When it was asked for, ns.
    pub asked_ns: u64,
    /// How often symbols that were left out have been asked for again.
    pub again: u32,
    /// By symbol: whether it is subscribed here.
    pub subscribed: Vec<bool>,
    /// When the exchange is asked again that has refused for now, ns.
    pub ask_again_ns: Option<u64>,
    /// Whether the other side will be gone soon.
    pub leaving: bool,
}
