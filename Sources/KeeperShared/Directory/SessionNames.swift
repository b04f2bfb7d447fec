/// The names of a session's files below the sessions directory.
///
/// No id starts with a dot, so dot-names never clash with a session's. The longest name that a socket
/// is bound at has 64 + 18 bytes, which fits an address relative to the directory.
package struct SessionNames {
    package let id: SessionID

    package init(_ id: SessionID) { self.id = id }

    package var socket: String { "\(id.string).rpc.sock" }
    /// The keeper's PID; locked while the keeper lives.
    package var sidecar: String { "\(id.string).rpc.sock.pid" }
    /// The child's PID.
    package var childSidecar: String { "\(id.string).rpc.sock.pi-pid" }
    package var log: String { "keeper-\(id.string).log" }
    package var launchLog: String { "keeper-launch-\(id.string).log" }
    package var folder: String { "\(id.string).d" }
    /// The session before this one under the same id.
    package var previousFolder: String { "\(id.string).d~" }

    // Made under these names and renamed into place.
    package var newSocket: String { ".\(id.string).rpc.sock" }
    package var newSidecar: String { ".\(id.string).rpc.sock.pid" }
    package var newChildSidecar: String { ".\(id.string).rpc.sock.pi-pid" }
    package var newFolder: String { ".\(id.string).d.new" }

    // Only while a service manager starts a keeper: what the keeper has to know, and where it gets its report pipe.
    package static func startFile(_ number: String) -> String { concat(".", number, ".start") }
    package static func startSocket(_ number: String) -> String { concat(".", number, ".report") }

    package static let lock = ".lock"
    package static let sidecarSuffix: StaticString = ".rpc.sock.pid"

    // Inside the folder.
    package static let controlSocket = "ctl.sock"
    package static let status = "status.json"
    package static let events = "events.jsonl"
    package static let olderEvents = "events.1.jsonl"
    /// Made and locked by the client that has a turn with the child.
    package static let turn = "turn.json"

    /// Whether a name is one that keepers make inside a session's folder.
    package static func isInFolder(_ name: String) -> Bool {
        for known in [controlSocket, status, ".status.json.tmp", events, olderEvents, turn]
        where equalUTF8(name, known) { return true }
        for stream in ["stdout.", "stderr.", ".stdout.", ".stderr."]
        where name.utf8.starts(with: stream.utf8) { return true }
        return false
    }
}
