extension ValueKind {
    /// Why the text is no value of this kind, as the rest of a sentence that began with the quoted
    /// text: "is no size such as …"; nil if it is one.
    func objection(to value: Argument) -> String? {
        let bytes = value.bytes
        switch self {
        case .flag, .string, .command: return nil
        case .duration:
            return value.duration != nil ? nil : "is not a duration such as 350ms, 2s or 5m"
        case .moment:
            return Moment.parse(value) != nil
                ? nil : "is not a time such as 10m (ago) or 2026-01-31T12:00:00Z"
        case .size(let least):
            guard let count = value.size else { return "is not a size such as 64K, 16M or 1G" }
            return count >= least ? nil : concat("is too small: give at least ", formatSize(least))
        case .integer(let min, let max):
            if let number = decimal(bytes), number >= min, number <= max { return nil }
            return max == Int.max
                ? concat("is not a number from ", String(min), " on")
                : concat("is not a number from ", String(min), " to ", String(max))
        case .sessionID:
            do throws(SessionIDError) {
                _ = try SessionID(bytes: bytes)
                return nil
            } catch {
                return concat("is not a session id: ", error.message)
            }
        case .path:
            return bytes.isEmpty ? "is not a path: it is empty" : nil
        case .keyValue:
            guard let sign = bytes.firstIndex(of: UInt8(ascii: "=")), sign > 0 else {
                return "is not of the form NAME=VALUE"
            }
            return nil
        case .choice(let choices):
            if choices.contains(where: { sameText(bytes, $0) }) { return nil }
            let list = choices.joined(separator: ", ")
            return concat("is not one of ", list, didYouMean(Suggestion.closest(to: bytes, among: choices)))
        case .stopSteps:
            return StopStep.parse(value.text) != nil
                ? nil : "is not a list of steps such as eof:2s,TERM:2s,KILL:2s"
        case .readiness:
            return ReadyCondition.parse(bytes) != nil
                ? nil : "is not one of delay:300ms, output, output:TEXT, notify, fd:N (3 to 255), line:TEXT"
        case .restartLimit:
            return RestartLimit.parse(bytes) != nil
                ? nil : "is not a number of restarts (1 to 1000) in a time such as 10/10m"
        case .resourceLimit:
            return ResourceLimit.parse(bytes) != nil
                ? nil : "is not a limit such as NOFILE=1024, AS=2G, NOFILE=1024:4096 or CORE=unlimited"
        case .terminalSize:
            return TerminalSize.parse(bytes) != nil ? nil : "is not a size such as 80x24 (columns, rows)"
        case .signal:
            if SignalName.number(of: bytes) != nil { return nil }
            return concat(
                "is not a signal such as TERM, USR1 or 10", didYouMean(SignalName.suggestion(for: bytes)))
        }
    }
}

/// ` (did you mean 'x'?)`, or nothing.
func didYouMean(_ suggestion: String?) -> String {
    guard let suggestion else { return "" }
    return concat(" (did you mean '", suggestion, "'?)")
}
