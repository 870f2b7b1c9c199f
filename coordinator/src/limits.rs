//! What strangers may cost: the numbers behind the promise that the Coordinator never has more than [`MEMORY`]
//! resident, whoever sends whatever.
//!
//! Three rules lead to them. Bytes are bounded, not requests: whatever has a length has a largest one, and a bound on
//! how many there are at a time. A place is taken for work, not for waiting: who is slow waits outside, at next to no
//! cost. When there are too many, the oldest goes that has shown nothing, and first of an address that has many.

use std::time::Duration;

use contrast_manifest::MAX_POLICIES;

use crate::crowd::Respite;

/// Most bytes of memory that the process has resident, whatever is sent to it. A promise: the parts below add up to
/// less, and the benchmark attacks it.
pub const MEMORY: u64 = 64 * 1024 * 1024;

/// Most connections that have not said anything, of both APIs. Each costs a socket and less than 2 KiB.
pub const SILENT_CONNECTIONS: usize = 2048;
/// How long a connection may be without a whole ClientHello, which is due at once.
pub const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// Most handshakes under way, of both APIs. Each costs at most some 100 KiB: a message of TLS may have 64 KiB.
pub const HANDSHAKES: usize = 96;
/// How long a connection that has not said anything stays at least. Those that come next wait meanwhile, in the queue of the
/// operating system, where nobody can be preferred: hence it is short. What a client says at once is there by then.
pub const SILENT_RESPITE: Respite =
    Respite { before: Duration::from_millis(20), after: Duration::from_millis(250) };
/// How long who is in its handshake stays at least before having to give way to another one of the same address; a
/// ClientHello is what it has to show.
pub const HANDSHAKE_RESPITE: Respite = Respite { before: Duration::ZERO, after: Duration::from_secs(2) };
/// The same after the handshake, where evidence or an owner's key is something to show, and so is what nobody has read yet.
/// Who has had an answer has nothing to show any more, only the time to take it.
pub const CONNECTION_RESPITE: Respite =
    Respite { before: Duration::from_millis(50), after: Duration::from_secs(2) };
/// Most connections after their handshake, of both APIs. Each costs about 50 KiB, and twice that with requests that
/// are only begun.
pub const CONNECTIONS: usize = 128;
/// Longest life of a connection on which nothing is being done; clients connect for a call or two.
pub const IDLE_CONNECTION_AGE: Duration = Duration::from_secs(300);
/// Longest life of any connection.
pub const CONNECTION_AGE: Duration = Duration::from_secs(600);
/// Up to this part of the places (1 by this number), those of an address get their respite whoever else waits.
pub const SHARES: usize = 16;

/// Most calls at a time on one connection; clients make one after the other.
pub const STREAMS: u32 = 4;
/// Bytes of a body that come in without being read, for a stream and for a connection: the least that HTTP/2 knows for
/// a connection (RFC 9113 section 6.9.2).
pub const WINDOW: u32 = 65_535;
/// Most bytes of a request's headers.
pub const HEADERS: u32 = 8 * 1024;
/// Bytes of answers that wait for one stream in the library, beside the piece that it was handed last.
pub const SEND_BUFFER: usize = 16 * 1024;

/// Bytes that a connection may say from its beginning beside what it was asked for: headers, requests without contents,
/// and frames that ask for nothing.
pub const CHATTER: u64 = 128 * 1024;
/// And how many more with each second of its life.
pub const CHATTER_RATE: u64 = 8 * 1024;

/// Largest request of a call without contents, and how long it may take to come in.
pub const SMALL_REQUEST: usize = 8 * 1024;
/// See [`SMALL_REQUEST`].
pub const SMALL_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Largest manifest with its policies from an owner, or from anybody who may be the first: twice what present Coordinators
/// take, and as much as can be stored within [`MEMORY`]. One such request is in the making at a time.
pub const OWNERS_REQUEST: usize = 8 * 1024 * 1024;
/// Largest manifest with its policies from anybody else, who may have a signature in it. One at a time, too.
pub const STRANGERS_REQUEST: usize = 2 * 1024 * 1024;
/// Most requests that wait to be sent in. Each costs a [`WINDOW`].
pub const WAITING_REQUESTS: usize = 32;
/// Longest wait of a request before it is read, or for its turn after that.
pub const REQUEST_PATIENCE: Duration = Duration::from_secs(100);
/// Most fields of a request. Decoded, a policy without a byte takes a dozen times its two bytes on the wire; a manifest has
/// at most [`contrast_manifest::MAX_POLICIES`].
pub const FIELDS: usize = MAX_POLICIES + 64;
/// How long a manifest may take to come in at any rate, and the bytes per second that it needs beyond that.
pub const BODY_GRACE: Duration = Duration::from_secs(10);
/// See [`BODY_GRACE`].
pub const BODY_RATE: u64 = 64 * 1024;
/// How long a manifest may take if others wait to send one when it begins, and the bytes per second beyond that.
pub const BODY_GRACE_OF_OTHERS: Duration = Duration::from_secs(2);
/// See [`BODY_GRACE_OF_OTHERS`].
pub const BODY_RATE_OF_OTHERS: u64 = 512 * 1024;

/// Most calls that wait for a turn to read the history.
pub const WAITING_ANSWERS: usize = 256;
/// Longest wait for that, or for the answers before on the same connection.
pub const ANSWER_PATIENCE: Duration = Duration::from_secs(20);
/// Turns to read the history at a time: each is one step of an answer, one step of measuring it, or one way through the events
/// to look for a transition. It ends before anything is sent.
pub const READERS: usize = 2;
/// Bytes of a content that are in memory for an answer, and travel in one message. There is one answer at a time on each
/// connection, which costs at most four of these.
pub const SLICE: usize = 32 * 1024;
/// Bytes of contents of which one slice has been sent, for all answers together: they are kept until the last one is. What
/// finds no room here is read anew for each slice.
pub const KEPT: usize = 8 * 1024 * 1024;
/// Bytes of an answer that are handed on at a time.
pub const PIECE: usize = 8 * 1024;
/// How long a reader may take for one [`PIECE`], which makes a least rate.
pub const PIECE_PATIENCE: Duration = Duration::from_secs(5);
/// After that its connection counts as one for which nothing is done, so that others may have its place.
pub const SLOW_READER: Duration = Duration::from_millis(100);
/// The same if it has taken fewer bytes than this times the square of the seconds since the answer began, beyond the grace:
/// 1 MiB after four seconds, 16 MiB after sixteen.
pub const READING: u64 = 64 * 1024;
/// See [`READING`].
pub const READING_GRACE: u64 = 256 * 1024;

/// Most connections to the ops API. Kubernetes and Prometheus need one each.
pub const OPS_CONNECTIONS: usize = 32;
/// How long the headers of a request to the ops API may take.
pub const OPS_HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a connection to the ops API that are kept, the least that the library takes.
pub const OPS_BUFFER: usize = 8 * 1024;
