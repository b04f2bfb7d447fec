import KeeperShared

/// Which session is called, and what is left of the operands.
struct CallTarget {
    let id: SessionID
    /// Empty when the operands name none.
    var method: [UInt8] = []
    var parameters: [UInt8]?
}

extension Context {
    /// Understands `ID METHOD [PARAMS]` and `ID.METHOD [PARAMS]`, where both ids and methods may have dots: the longest
    /// id of a live session counts, and if there is none, the longest of one that has ended.
    func callTarget(in directory: borrowing SessionsDirectory) throws(CommandFailure) -> CallTarget {
        var words: [[UInt8]] = []
        for operand in arguments.operands { words.append(operand.bytes) }
        let first = words[0]
        var ended: CallTarget?
        // Parameters are an object or an array, and a method's name begins like neither; '-' is standard input.
        let second = words.count > 1 ? words[1].first ?? 0 : 0
        let isParameter = second == UInt8(ascii: "{") || second == UInt8(ascii: "[") || second == UInt8(ascii: "-")
        var end = first.count
        while end > 0 {
            if end == first.count || first[end] == UInt8(ascii: "."),
                let id = try? SessionID(bytes: [UInt8](first[..<end]))
            {
                var target = CallTarget(id: id)
                var isComplete = true
                if end < first.count {
                    target.method = [UInt8](first[(end + 1)...])
                    isComplete = !target.method.isEmpty && words.count < 3
                    if words.count > 1 { target.parameters = words[1] }
                } else if words.count > 1 {
                    isComplete = !isParameter
                    target.method = words[1]
                    if words.count > 2 { target.parameters = words[2] }
                }
                if isComplete {
                    switch try SessionLookup(id, in: directory.descriptor) {
                    case .live, .foreign: return target
                    case .dead, .over: if ended == nil { ended = target }
                    case .none: break
                    }
                }
            }
            end -= 1
        }
        if let ended { return ended }
        let shown = quoted(first)
        throw CommandFailure(
            ExitStatus.noSession,
            concat(
                "no session is called ", shown, " or by a part of it that ends before a dot, in ", directory.path,
                "; 'keeperctl ls' lists those that live"))
    }
}
