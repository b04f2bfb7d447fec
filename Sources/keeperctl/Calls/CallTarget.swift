import KeeperShared

/// Which session is called, and what is left of the operands.
struct CallTarget {
    let id: SessionID
    /// Empty when the operands name none.
    var method: [UInt8] = []
    var parameters: [UInt8]?

    /// Understands `ID METHOD [PARAMS]` and `ID.METHOD [PARAMS]`, where both ids and methods may have dots: the longest
    /// id of a live session counts, and if there is none, the longest of one that has ended.
    init(_ operands: [Argument], in directory: borrowing SessionsDirectory) throws(CommandFailure) {
        let first = operands[0].bytes
        var ended: CallTarget?
        var end = first.count
        while end > 0 {
            if end == first.count || first[end] == UInt8(ascii: "."),
                let target = CallTarget(operands, splitAt: end)
            {
                let names = SessionNames(target.id)
                switch try idOwner(of: names, in: directory.descriptor) {
                case .keeper, .foreign, .unsettled:
                    self = target
                    return
                case .dead, .nobody:
                    // One that can't be looked at is as good as none.
                    let folder = (try? directory.descriptor.metadata(of: names.folder)).flatMap { $0 }
                    if ended == nil, folder != nil { ended = target }
                }
            }
            end -= 1
        }
        guard let ended else {
            throw CommandFailure(
                ExitStatus.noSession,
                concat(
                    "no session is called ", quoted(first),
                    " or like a part of it that ends before a dot, in ",
                    directory.path, "; 'keeperctl ls' lists those that live"))
        }
        self = ended
    }

    /// Takes so much of the first operand for the id; nil when that and the rest don't fit together.
    private init?(_ operands: [Argument], splitAt end: Int) {
        let first = operands[0].bytes
        // What is no id is no session's.
        guard let id = try? SessionID(bytes: Array(first[..<end])) else { return nil }
        self.id = id
        var next = 1
        if end < first.count {
            method = Array(first[(end + 1)...])
            if method.isEmpty { return nil }
        } else if operands.count > 1 {
            method = operands[1].bytes
            // A method's name begins like none of the things that parameters can be.
            if let byte = method.first, "{[-".utf8.contains(byte) { return nil }
            next = 2
        }
        if next < operands.count {
            parameters = operands[next].bytes
            if next + 1 < operands.count { return nil }
        }
    }
}
