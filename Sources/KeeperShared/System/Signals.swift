import CSystem

/// `TERM` for 15; the number where there is no name.
package func signalName(_ signal: Int32) -> String { SignalName.name(of: signal) ?? "\(signal)" }

/// The number of `TERM`, `SIGTERM`, `term` or `15`; nil for what is no signal.
package func signalNumber(_ text: String) -> Int32? { SignalName.number(of: Array(text.utf8)) }

/// Reads the signals that it blocks, one `read` each, instead of handlers.
package struct SignalReader: ~Copyable {
    package let descriptor: FileDescriptor

    /// Blocks these signals and makes a descriptor that becomes readable when one is pending.
    package init(_ signals: [Int32]) throws(SystemError) {
        // As the kernel has it: musl's sigaddset refuses the first real-time signals.
        var set = sigset_t()
        let bits = signals.reduce(UInt64(0)) { $0 | 1 << UInt64($1 - 1) }
        withUnsafeMutableBytes(of: &set) { $0.storeBytes(of: bits, as: UInt64.self) }
        try systemCall("sigprocmask") { sigprocmask(SIG_BLOCK, &set, nil) }
        descriptor = FileDescriptor(
            owning: try systemCall("signalfd") { signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK)) })
    }

    /// The next pending signal, or nil.
    package borrowing func next() -> Int32? { nextRecord().map { Int32($0.ssi_signo) } }

    /// The same with where it came from.
    package borrowing func nextRecord() -> signalfd_siginfo? {
        var record = signalfd_siginfo()
        let count = read(descriptor.raw, &record, MemoryLayout<signalfd_siginfo>.size)
        return count == MemoryLayout<signalfd_siginfo>.size ? record : nil
    }
}

/// Gives a signal its standard disposition back, whatever was inherited: ignored, SIGCHLD would reap for us.
package func restoreSignal(_ number: Int32) { csys_restore(number) }

/// Makes writes report what these signals would kill for.
package func ignoreSignals(_ signals: [Int32]) {
    for number in signals { csys_ignore(number) }
}
