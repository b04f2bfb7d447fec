import CSystem
import KeeperShared

/// Connects to a session's input. Only this is ever tried again: once bytes may have been taken, nothing is.
func connectInput(
    _ names: SessionNames, in directory: borrowing SessionsDirectory, attempts: Int, deadline: Int64?,
    _ what: String? = nil
) throws(CommandFailure) -> FileDescriptor {
    let what = what ?? concat("write to ", names.id.string)
    var number = 1
    while true {
        var timeout: Int64 = .milliseconds(350)
        if let deadline { timeout = min(timeout, deadline - monotonicNow()) }
        // The system takes none for no limit.
        if timeout < 1000 {
            throw CommandFailure(ExitStatus.timedOut, concat(what, ": timed out; nothing was sent"))
        }
        let code: Int32
        do throws(SystemError) {
            return try FileDescriptor.connected(to: names.socket, in: directory.descriptor, timeout: timeout)
        } catch {
            code = error.code
            guard code == ENOENT || code == ECONNREFUSED || code == EAGAIN else {
                throw CommandFailure(what, error)
            }
        }
        if number >= attempts { throw unreachable(names, directory, code, what) }
        pause(nanoseconds: .milliseconds(number == 1 ? 50 : 150))
        number += 1
    }
}

private func unreachable(
    _ names: SessionNames, _ directory: borrowing SessionsDirectory, _ code: Int32, _ what: String
) -> CommandFailure {
    var live: pid_t?
    // Only for the text: who can't be found is left out.
    let sidecar = try? SidecarState.read(names.sidecar, in: directory.descriptor)
    if case .live(let pid) = sidecar { live = pid }
    if code == EAGAIN {
        return CommandFailure(
            ExitStatus.timedOut,
            concat(what, ": its keeper does not take connections; nothing was sent", keeperText(live)))
    }
    guard live != nil else {
        // Only for the wording: one that can't be looked at is there.
        if case .some(.none) = try? directory.descriptor.metadata(of: names.folder) {
            return .noSession(names.id, in: directory.path)
        }
        return .sessionOver(names.id)
    }
    return CommandFailure(
        ExitStatus.failed,
        concat(what, ": its keeper lives, but not its socket: ", errorText(code), keeperText(live)))
}

private func keeperText(_ pid: pid_t?) -> String {
    guard let pid else { return "" }
    return concat(" (keeper's PID: ", String(pid), ")")
}
