import CSystem

/// Signals by name: the one list for parsing, suggestions and completions.
package enum SignalName {
    /// Names without `SIG`, and their numbers.
    package static var all: [(name: String, number: Int32)] {
        [
            ("HUP", SIGHUP), ("INT", SIGINT), ("QUIT", SIGQUIT), ("ILL", SIGILL), ("TRAP", SIGTRAP),
            ("ABRT", SIGABRT), ("BUS", SIGBUS), ("FPE", SIGFPE), ("KILL", SIGKILL), ("USR1", SIGUSR1),
            ("SEGV", SIGSEGV), ("USR2", SIGUSR2), ("PIPE", SIGPIPE), ("ALRM", SIGALRM), ("TERM", SIGTERM),
            ("STKFLT", SIGSTKFLT), ("CHLD", SIGCHLD), ("CONT", SIGCONT), ("STOP", SIGSTOP), ("TSTP", SIGTSTP),
            ("TTIN", SIGTTIN), ("TTOU", SIGTTOU), ("URG", SIGURG), ("XCPU", SIGXCPU), ("XFSZ", SIGXFSZ),
            ("VTALRM", SIGVTALRM), ("PROF", SIGPROF), ("WINCH", SIGWINCH), ("IO", SIGIO), ("PWR", SIGPWR),
            ("SYS", SIGSYS),
        ]
    }

    /// The largest signal number of Linux, `_NSIG - 1`.
    package static let maximum: Int32 = 64

    /// The number of a signal that is named `TERM`, `SIGTERM`, `term` or `15`; nil if there is none.
    package static func number(of text: [UInt8]) -> Int32? {
        if let value = decimal(text) { return value >= 1 && value <= Int(maximum) ? Int32(value) : nil }
        let name = bareName(text)
        return all.first { sameText(name, $0.name) }?.number
    }

    /// The name of a signal without `SIG`; nil for a real-time signal.
    package static func name(of number: Int32) -> String? {
        all.first { $0.number == number }?.name
    }

    static func suggestion(for text: [UInt8]) -> String? {
        Suggestion.closest(to: bareName(text), among: all.map { $0.name })
    }

    private static func bareName(_ text: [UInt8]) -> [UInt8] {
        let upper = text.map { byte in
            byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "z") ? byte - 0x20 : byte
        }
        return upper.starts(with: "SIG".utf8) ? Array(upper.dropFirst(3)) : upper
    }
}
