import CSystem

/// What one turn of a small loop waits for: filled anew by each of its parts in every turn.
///
/// Nothing stays in it that nobody wants, so that a hang-up never makes the loop spin.
package final class PollSet {
    private var entries: [pollfd] = []
    /// Milliseconds; -1 for ever.
    private var timeout: Int32 = -1

    package init() {}

    package func clear() {
        entries.removeAll(keepingCapacity: true)
        timeout = -1
    }

    /// Waits for this too. Errors and hang-ups are reported whether asked for or not.
    package func add(_ descriptor: borrowing FileDescriptor, _ interest: Readiness) {
        let events = Int16(truncatingIfNeeded: interest.rawValue)
        entries.append(pollfd(fd: descriptor.raw, events: events, revents: 0))
    }

    /// Waits no longer than this.
    package func limit(milliseconds: Int32) {
        if timeout < 0 || milliseconds < timeout { timeout = max(0, milliseconds) }
    }

    /// Waits no longer than until a time of ``monotonicNow()``.
    package func limit(deadline: Int64) {
        let rest = deadline - monotonicNow()
        limit(milliseconds: rest <= 0 ? 0 : Int32(min(rest / 1_000_000 + 1, 1 << 30)))
    }

    /// Waits until something is ready, the time is over or a signal came.
    package func wait() throws(SystemError) {
        if poll(&entries, nfds_t(entries.count), timeout) < 0 {
            let code = csys_errno()
            if code != EINTR { throw SystemError("poll", "", code) }
            for index in entries.indices { entries[index].revents = 0 }
        }
    }

    /// What a descriptor is ready for; nothing when it wasn't added in this turn.
    package func readiness(of descriptor: borrowing FileDescriptor) -> Readiness {
        var found: Readiness = []
        for entry in entries where entry.fd == descriptor.raw {
            found.insert(Readiness(rawValue: UInt32(UInt16(bitPattern: entry.revents))))
        }
        return found
    }
}

extension FileDescriptor {
    /// Whether a write of a few bytes would not wait.
    package borrowing func hasRoom() -> Bool {
        var entry = pollfd(fd: raw, events: Int16(POLLOUT), revents: 0)
        return poll(&entry, 1, 0) > 0
    }
}
