//! What the error codes of a server mean: one table of all codes, with what can be done about each.

use std::borrow::Cow;

/// What can be done about an error of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The state of the server passes: the same command may succeed later. It is sent again with growing pauses.
    Transient,
    /// A person must change a setting of the server, of its data or of this program.
    Configuration,
    /// The server will never run this command: it does not know it, or the program has made a mistake.
    Permanent,
}

/// What the code of a server's error says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerErrorKind {
    /// The server requires a password, and none was given.
    NoAuth,
    /// User or password are wrong.
    WrongPass,
    /// The account may not run the command or touch the key.
    NoPerm,
    /// The server is in protected mode and accepts connections from its own host only.
    Protected,
    /// The server is loading its data and will be ready later.
    Loading,
    /// The server is a replica.
    ReadOnly,
    /// The server is out of memory.
    OutOfMemory,
    /// The server cannot save its data and refuses to write.
    Misconf,
    /// The server has fewer replicas than it wants before it writes.
    NoReplicas,
    /// The key holds another type of value.
    WrongType,
    /// A transaction was not run, because one of its commands was refused.
    ExecAbort,
    /// The server has ended a blocked read: it was demoted, or told to.
    Unblocked,
    /// The key lives on another node of a cluster.
    Moved,
    /// The keys of a command are on two nodes of a cluster, because their slot is being moved.
    Moving,
    /// The key is on the node of a cluster that its slot is being moved to, or nowhere.
    Asked,
    /// The keys of a command live on several nodes of a cluster.
    CrossSlot,
    /// A script is running.
    Busy,
    /// The server is a replica that has lost its primary.
    MasterDown,
    /// The cluster has no quorum, or nobody has the slot.
    ClusterDown,
    /// The server is in the middle of a failover or a copy between servers.
    InTransit,
    /// The server accepts no more connections.
    Full,
    /// The server does not speak the version of the protocol that was asked for.
    NoProtocol,
    /// The group, script or key already exists, or does not exist.
    Absent,
    /// The server cannot say what its disk has.
    NoDisk,
    /// The command is unknown or malformed, or its arguments are not possible.
    Command,
    /// The code is not in the table.
    Unknown,
}

/// What follows from some codes.
struct Row {
    /// First words of the errors, the code or more.
    starts: &'static [&'static str],
    kind: ServerErrorKind,
    class: ErrorClass,
    /// Whether a new connection may reach a server that does not return this error.
    elsewhere: bool,
    /// What to do, appended to the server's words.
    advice: &'static str,
}

const fn row(
    starts: &'static [&'static str],
    kind: ServerErrorKind,
    class: ErrorClass,
    elsewhere: bool,
    advice: &'static str,
) -> Row {
    Row { starts, kind, class, elsewhere, advice }
}

/// Every code of Redis up to 7.4 and Valkey up to 8, with those of Sentinel; the first match counts.
#[rustfmt::skip]
const TABLE: &[Row] = {
    use ErrorClass::{Configuration, Permanent, Transient};
    use ServerErrorKind as K;
    &[
        row(&["LOADING"], K::Loading, Transient, false, "; the server is loading its data, try again later"),
        row(&["READONLY", "REDIRECT", "ERR WAIT cannot be used with replica", "ERR WAITAOF cannot be used with replica"], K::ReadOnly, Transient, true, "; this is a replica: connect to its primary"),
        row(&["MASTERDOWN"], K::MasterDown, Transient, true, "; this replica has lost its primary"),
        row(&["OOM"], K::OutOfMemory, Transient, false, "; raise the server's maxmemory or lower the streams' lengths"),
        row(&["MISCONF"], K::Misconf, Transient, false, "; the server cannot save its data: see its log"),
        row(&["NOREPLICAS"], K::NoReplicas, Transient, false, "; fewer replicas are connected than min-replicas-to-write asks for"),
        row(&["BUSY"], K::Busy, Transient, false, ""),
        row(&["UNBLOCKED"], K::Unblocked, Transient, false, ""),
        row(&["EXECABORT"], K::ExecAbort, Transient, false, ""),
        row(&["CLUSTERDOWN"], K::ClusterDown, Transient, true, ""),
        row(&["TRYAGAIN"], K::Moving, Transient, false, "; the slot is being moved to another node of the cluster: everything waits until all of its keys are there"),
        row(&["ASK"], K::Asked, Transient, true, "; the slot is being moved to that node of the cluster: it is asked as soon as all keys are there (an account needs +asking +client|reply +cluster|countkeysinslot)"),
        row(&["MOVED"], K::Moved, Transient, true, "; the slot is on another node of the cluster (redis.url: redis+cluster://, with [partitions])"),
        row(&["INPROG", "NOGOODSLAVE", "NOMASTERLINK", "NOQUORUM", "NOTREADY", "IOERR", "UNKILLABLE"], K::InTransit, Transient, false, ""),
        row(&["ERR max number of clients"], K::Full, Transient, false, "; raise the server's maxclients"),
        row(&["NOAUTH"], K::NoAuth, Configuration, false, "; the server wants a password: put it into the URL, redis://[user]:password@host"),
        row(&["WRONGPASS", "ERR AUTH", "ERR invalid password"], K::WrongPass, Configuration, false, "; check user and password in the URL"),
        row(&["NOPERM"], K::NoPerm, Configuration, false, "; the account lacks a permission: ACL GETUSER shows what it has, the README what it needs"),
        row(&["DENIED"], K::Protected, Configuration, false, "; the server is in protected mode: give it a password, or connect from its own host"),
        row(&["WRONGTYPE"], K::WrongType, Configuration, false, "; another program uses this key for something else"),
        row(&["CROSSSLOT"], K::CrossSlot, Configuration, false, "; in a cluster [partitions] keep what is committed together in one slot: set partitions.count"),
        row(&["ERR WAITAOF", "ERR unknown command 'WAITAOF',", "ERR unknown command `WAITAOF`,"], K::NoDisk, Configuration, false, "; redis.on_disk needs Redis 7.2 or newer, or Valkey, with appendonly yes: change the server, or set it to false"),
        row(&["NOPROTO"], K::NoProtocol, Permanent, false, ""),
        row(&["NOGROUP", "BUSYGROUP", "BUSYKEY", "NOSCRIPT", "NOTBUSY", "IDONTKNOW"], K::Absent, Permanent, false, ""),
        row(&["ERR"], K::Command, Permanent, false, ""),
        row(&[], K::Unknown, Transient, false, "; this version does not know the code and takes it for a state that passes"),
    ]
};

impl ServerErrorKind {
    /// The kind of an error by its first words, without the leading `-`.
    #[must_use]
    pub fn of(text: &[u8]) -> Self {
        // If EXEC itself is refused.
        let text = text.strip_prefix(b"EXECABORT Transaction discarded because of: ").unwrap_or(text);
        let fits = |start: &&str| {
            text.strip_prefix(start.as_bytes()).is_some_and(|rest| matches!(rest.first(), None | Some(b' ')))
        };
        TABLE.iter().find(|row| row.starts.iter().any(fits)).map_or(Self::Unknown, |row| row.kind)
    }

    fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.kind == self)
    }

    /// What can be done about it.
    #[must_use]
    pub fn class(self) -> ErrorClass {
        self.row().map_or(ErrorClass::Transient, |row| row.class)
    }

    /// Whether the same command may succeed later, without a person changing a setting.
    #[must_use]
    pub fn is_transient(self) -> bool {
        self.class() == ErrorClass::Transient
    }

    /// Whether a new connection may reach a server that does not return this error, because of a failover.
    #[must_use]
    pub fn is_elsewhere(self) -> bool {
        self.row().is_some_and(|row| row.elsewhere)
    }

    /// What to do about it, appended to the server's own words.
    #[must_use]
    pub fn advice(self) -> &'static str {
        self.row().map_or("", |row| row.advice)
    }
}

/// The code of an error, its first word, as it can be printed.
#[must_use]
pub fn code(text: &str) -> Cow<'_, str> {
    const CODE_MAX: usize = 40;
    let word = text.split_ascii_whitespace().next().unwrap_or_default();
    String::from_utf8_lossy(&word.as_bytes()[..word.len().min(CODE_MAX)])
}

#[cfg(test)]
mod tests {
    use super::{ErrorClass::*, *};

    /// Errors in the words of the servers, and what may be done about each.
    const SAID: &[(&str, ErrorClass)] = &[
        ("LOADING Redis is loading the dataset in memory", Transient),
        ("LOADING Valkey is loading the dataset in memory", Transient),
        ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", Transient),
        ("BUSY Valkey is busy running a module command.", Transient),
        ("UNKILLABLE Sorry the script already executed write commands against the dataset.", Transient),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", Transient),
        ("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.", Transient),
        ("MISCONF Errors writing to the AOF file: No space left on device", Transient),
        ("READONLY You can't write against a read only replica.", Transient),
        ("REDIRECT 127.0.0.1:6380", Transient),
        // Demoted between a transaction and the question who has it.
        ("ERR WAIT cannot be used with replica instances. Please also note that since Redis 4.0", Transient),
        ("ERR WAITAOF cannot be used with replica instances. Please also note that writes", Transient),
        ("NOREPLICAS Not enough good replicas to write.", Transient),
        ("OOM command not allowed when used memory > 'maxmemory'.", Transient),
        ("EXECABORT Transaction discarded because of previous errors.", Transient),
        ("EXECABORT Transaction discarded because of: OOM command not allowed", Transient),
        ("UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)", Transient),
        ("UNBLOCKED client unblocked via CLIENT UNBLOCK", Transient),
        ("CLUSTERDOWN The cluster is down", Transient),
        ("CLUSTERDOWN Hash slot not served", Transient),
        ("TRYAGAIN Multiple keys request during rehashing of slot", Transient),
        ("INPROG Failover already in progress", Transient),
        ("NOGOODSLAVE No suitable replica to promote", Transient),
        ("NOQUORUM 1 usable Sentinels. Not enough available Sentinels to reach the specified quorum", Transient),
        ("NOMASTERLINK Can't SYNC while not connected with my master", Transient),
        ("NOTREADY", Transient),
        ("IOERR error or timeout writing to target instance", Transient),
        ("ERR max number of clients reached", Transient),
        ("ERR max number of clients + cluster connections reached", Transient),
        ("NOAUTH Authentication required.", Configuration),
        ("NOAUTH HELLO must be called with the client already authenticated", Configuration),
        ("WRONGPASS invalid username-password pair or user is disabled.", Configuration),
        ("ERR AUTH <password> called without any password configured for the default user.", Configuration),
        ("ERR invalid password", Configuration),
        ("NOPERM User engine has no permissions to run the 'multi' command", Configuration),
        ("EXECABORT Transaction discarded because of: NOPERM User engine has no permissions", Configuration),
        ("DENIED Redis is running in protected mode because protected mode is enabled", Configuration),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", Configuration),
        ("MOVED 3999 127.0.0.1:6381", Transient),
        ("ASK 3999 127.0.0.1:6381", Transient),
        ("CROSSSLOT Keys in request don't hash to the same slot", Configuration),
        ("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.", Configuration),
        ("ERR unknown command 'WAITAOF', with args beginning with: '1' '0' '1' ", Configuration),
        ("ERR unknown command `WAITAOF`, with args beginning with: `1`, `0`, `1`, ", Configuration),
        ("NOPROTO unsupported protocol version", Permanent),
        ("NOGROUP No such key 'k' or consumer group 'g' in XREADGROUP with GROUP option", Permanent),
        ("BUSYGROUP Consumer Group name already exists", Permanent),
        ("BUSYKEY Target key name already exists.", Permanent),
        ("NOSCRIPT No matching script. Please use EVAL.", Permanent),
        ("NOTBUSY No scripts in execution right now.", Permanent),
        ("IDONTKNOW I have not enough information to reply", Permanent),
        ("ERR unknown command 'XREAD', with args beginning with: ", Permanent),
        ("ERR syntax error", Permanent),
        ("ERR", Permanent),
    ];

    #[test]
    fn every_code_of_redis_and_valkey_has_its_class() {
        for (text, class) in SAID {
            let kind = ServerErrorKind::of(text.as_bytes());
            assert_eq!(kind.class(), *class, "{text}: {kind:?}");
            assert_eq!(kind.is_transient(), *class == Transient, "{text}");
            assert_ne!(kind, ServerErrorKind::Unknown, "{text}");
        }
        // And the table has none that is not looked at here.
        let said = |start: &str| SAID.iter().any(|(text, _)| text.starts_with(start));
        let starts = TABLE.iter().flat_map(|row| row.starts);
        starts.for_each(|start| assert!(said(start), "{start}"));
    }

    #[test]
    fn a_code_that_is_not_in_the_table_is_transient() {
        for text in
            ["FLUXDOWN the flux is down", "no upstream host", "", "ERROR", "BUSYBODY x", "err x", "\u{e9}t\u{e9}"]
        {
            let kind = ServerErrorKind::of(text.as_bytes());
            assert_eq!((kind, kind.class()), (ServerErrorKind::Unknown, Transient), "{text}");
            assert!(!kind.is_elsewhere() && kind.advice().contains("does not know the code"), "{text}");
        }
        assert_eq!(code("FLUXDOWN the flux is down"), "FLUXDOWN");
        assert!(code(&"\u{e9}".repeat(100)).len() < 50);
    }

    #[test]
    fn each_kind_has_one_row() {
        for (index, row) in TABLE.iter().enumerate() {
            assert!(TABLE[..index].iter().all(|other| other.kind != row.kind), "{:?}", row.kind);
        }
    }

    #[test]
    fn only_a_failover_asks_for_another_connection() {
        let elsewhere = |text: &&str| ServerErrorKind::of(text.as_bytes()).is_elsewhere();
        let all = SAID.iter().map(|(text, _)| *text).filter(elsewhere);
        // What has no code of its own, by the words that tell it.
        let of = |text: &'static str| text.split(" cannot").next().filter(|start| start.starts_with("ERR "));
        let words: Vec<&str> = all.filter_map(|text| of(text).or_else(|| text.split(' ').next())).collect();
        let replica = ["MASTERDOWN", "READONLY", "REDIRECT", "ERR WAIT", "ERR WAITAOF"];
        assert_eq!(words, [&replica[..], &["CLUSTERDOWN", "CLUSTERDOWN", "MOVED", "ASK"]].concat());
    }
}
