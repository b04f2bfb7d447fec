import KeeperShared

/// Looks for the keys that end an attachment in what is typed.
struct DetachKeys {
    static let option: Setting<Argument> = Setting(
        "detach-keys", .string, "KEYS",
        help: "Leave when these are typed: letters or ctrl-LETTER, with commas between, or none",
        default: "ctrl-p,ctrl-q")

    private let keys: [UInt8]
    /// How many of them have been typed, and held back.
    private var matched = 0

    /// Those of `--detach-keys`, or the usual ones.
    init(_ context: Context) throws(CommandFailure) {
        let given = context.arguments[DetachKeys.option].bytes
        guard let keys = DetachKeys(given) else {
            throw CommandFailure(
                ExitStatus.badUsage,
                concat(
                    "--detach-keys ", quoted(given), " are no keys such as ctrl-p,ctrl-q or ctrl-]; or none"))
        }
        self = keys
    }

    /// Reads `ctrl-p,ctrl-q`, `ctrl-],d` or `none`; nil for anything else.
    init?(_ text: [UInt8]) {
        var keys: [UInt8] = []
        if !Argument(bytes: text).equals("none") {
            for part in text.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
                let name = Array(part)
                if name.count == 1 {
                    keys.append(name[0])
                } else if name.count == 6, name.starts(with: "ctrl-".utf8), name[5] >= 0x40, name[5] < 0x7F {
                    keys.append(name[5] & 0x1F)
                } else {
                    return nil
                }
            }
        }
        self.keys = keys
    }

    /// Takes what was typed, and appends what of it is for the session.
    ///
    /// - Returns: true when all keys came, one after the other.
    mutating func feed(_ typed: [UInt8], into output: inout [UInt8]) -> Bool {
        if keys.isEmpty {
            output += typed
            return false
        }
        for key in typed {
            if key != keys[matched] {
                // The others were meant for the session then; this one may be the first.
                output += keys[..<matched]
                matched = 0
            }
            if key != keys[matched] {
                output.append(key)
            } else {
                matched += 1
                if matched == keys.count { return true }
            }
        }
        return false
    }
}
