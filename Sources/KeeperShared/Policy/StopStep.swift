/// One step of ending a child: what is done, and how long its end is waited for.
package struct StopStep: Equatable {
    package enum Action: Equatable {
        case closeInput
        /// To the child's process group, tree, or the child alone, as the session has it.
        case signal(Int32)
    }

    package var action: Action
    /// Nanoseconds.
    package var wait: Int64

    package init(_ action: Action, wait: Int64) {
        self.action = action
        self.wait = wait
    }

    /// Close stdin, SIGTERM, SIGKILL, two seconds each.
    package static var standard: [StopStep] {
        [
            StopStep(.closeInput, wait: .seconds(2)), StopStep(.signal(15), wait: .seconds(2)),
            StopStep(.signal(9), wait: .seconds(2)),
        ]
    }

    /// What ends programs in a terminal: SIGHUP, as if it were gone, then SIGTERM and SIGKILL, two seconds each.
    package static var terminal: [StopStep] {
        [StopStep(.signal(1), wait: .seconds(2))] + standard.dropFirst()
    }

    /// SIGKILL at once.
    package static var now: [StopStep] { [StopStep(.signal(9), wait: .seconds(2))] }

    /// Reads `eof:2s,TERM:2s,KILL:2s`; nil for anything else.
    package static func parse(_ text: String) -> [StopStep]? {
        var steps: [StopStep] = []
        for part in text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            let fields = part.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
            guard fields.count == 2, let wait = try? parseDuration(String(decoding: fields[1], as: UTF8.self))
            else { return nil }
            if fields[0].elementsEqual("eof".utf8) {
                steps.append(StopStep(.closeInput, wait: wait))
            } else if let signal = SignalName.number(of: Array(fields[0])) {
                steps.append(StopStep(.signal(signal), wait: wait))
            } else {
                return nil
            }
        }
        return steps.isEmpty ? nil : steps
    }
}
