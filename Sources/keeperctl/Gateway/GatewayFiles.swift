import CSystem
import KeeperShared

/// What the gateway keeps below the sessions directory, in `.gateway`.
///
/// `gateway.json` tells where it listens. It is locked for as long as the gateway lives: a file without a lock is a dead
/// gateway's.
struct GatewayFiles: ~Copyable {
    static let place = ".gateway"
    static let description = "gateway.json"
    static let socket = "http.sock"
    static let token = "token"
    static let readingToken = "token.read"

    let folder: FileDescriptor
    private var owned: FileDescriptor?
    /// Held by a gateway that starts, and while tokens are made: of several at once one comes first.
    private var start: FileDescriptor?

    init(in directory: borrowing FileDescriptor) throws(SystemError) {
        do throws(SystemError) {
            try directory.makeDirectory(GatewayFiles.place)
        } catch { if error.code != EEXIST { throw error } }
        let folder = try directory.openDirectory(GatewayFiles.place)
        let start = try folder.open(".lock", O_RDWR | O_CREAT)
        let number = start.raw
        try systemCall("lock", GatewayFiles.place) { csys_lock(number, Int16(F_WRLCK), 0, 0, 1) }
        self.folder = consume folder
        self.start = consume start
    }

    /// The token in a file of the folder; made, for its owner alone, when there is none.
    ///
    /// - Returns: 64 hexadecimal digits, 256 bits.
    borrowing func token(_ name: String) throws(SystemError) -> [UInt8] {
        if try folder.metadata(of: name) != nil {
            let bytes = try folder.contents(of: name, limit: 4096)
            let token = trimmed(ArraySlice(bytes.filter { $0 != 10 && $0 != 13 }))
            if token.count >= 32 { return token }
            throw SystemError(
                "use", concat(GatewayFiles.place, "/", name, " as a token: it is too short"), EINVAL)
        }
        var token: [UInt8] = []
        for _ in 0..<4 {
            let number = randomNumber()
            for shift in stride(from: 60, through: 0, by: -4) {
                token.append(Array("0123456789abcdef".utf8)[Int(number >> UInt64(shift) & 15)])
            }
        }
        try folder.replace(name, with: token + [10])
        return token
    }

    /// Takes the place of the one gateway of a sessions directory, which no living one has.
    mutating func claim(_ description: [UInt8]) throws(SystemError) {
        let name = ".gateway.json.new"
        try folder.remove(name)
        let file = try folder.open(name, O_RDWR | O_CREAT | O_EXCL)
        let own = file.raw
        try systemCall("lock", GatewayFiles.description) { csys_lock(own, Int16(F_WRLCK), 0, 0, 0) }
        try file.writeAll(description, GatewayFiles.description)
        try folder.rename(name, to: GatewayFiles.description)
        owned = consume file
        start = nil
    }

    /// The description of the gateway that lives; nil when none does.
    static func living(in folder: borrowing FileDescriptor) throws(SystemError) -> [UInt8]? {
        if try folder.metadata(of: description) == nil { return nil }
        let file = try folder.open(description, O_RDONLY)
        return csys_lock_test(file.raw, 0, 0) == 1 ? try file.readAll(limit: 64 << 10) : nil
    }

    /// Removes what says that a gateway lives.
    borrowing func giveUp() {
        if owned.raw < 0 { return }
        // What stays is seen to be a dead one's.
        try? folder.remove(GatewayFiles.description)
    }
}
