import CSystem

/// What a descriptor is ready for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    // The bits of epoll are those of poll, which have one type in every C library.
    package static let input = Readiness(rawValue: UInt32(POLLIN))
    package static let output = Readiness(rawValue: UInt32(POLLOUT))
    /// The peer will send no more.
    package static let peerHalfClosed = Readiness(rawValue: UInt32(POLLRDHUP))
    /// Both directions are closed: the peer is gone.
    package static let hangUp = Readiness(rawValue: UInt32(POLLHUP))
    package static let error = Readiness(rawValue: UInt32(POLLERR))
    /// Report a change once instead of as long as it lasts.
    package static let edge = Readiness(rawValue: 1 << 31)
}

/// An epoll set whose entries carry a token of the owner's choice.
///
/// A token, not a descriptor, so that a stale event can't hit a number that was used again.
package final class Poller {
    private let descriptor: FileDescriptor
    private let events: UnsafeMutablePointer<epoll_event>
    private static let capacity = 32

    package init() throws(SystemError) {
        descriptor = FileDescriptor(
            owning: try systemCall("epoll_create") { epoll_create1(Int32(EPOLL_CLOEXEC)) })
        events = .allocate(capacity: Poller.capacity)
    }

    deinit { events.deallocate() }

    package func add(
        _ target: borrowing FileDescriptor, _ interest: Readiness, token: UInt64
    ) throws(SystemError) {
        try control(EPOLL_CTL_ADD, target.raw, interest, token)
    }

    package func modify(
        _ target: borrowing FileDescriptor, _ interest: Readiness, token: UInt64
    ) throws(SystemError) {
        try control(EPOLL_CTL_MOD, target.raw, interest, token)
    }

    private func control(
        _ operation: Int32, _ number: Int32, _ interest: Readiness, _ token: UInt64
    ) throws(SystemError) {
        var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token))
        try systemCall("epoll_ctl") { epoll_ctl(descriptor.raw, operation, number, &event) }
    }

    /// Takes a descriptor out. Masking is not enough: a masked one still reports hang-up and spins.
    package func remove(_ target: borrowing FileDescriptor) {
        var event = epoll_event()
        epoll_ctl(descriptor.raw, EPOLL_CTL_DEL, target.raw, &event)
    }

    /// Waits for at most `timeout` milliseconds (-1: for ever) and calls `body` for each event.
    package func wait(timeout: Int32, _ body: (UInt64, Readiness) -> Void) throws(SystemError) {
        let count = epoll_wait(descriptor.raw, events, Int32(Poller.capacity), timeout)
        if count < 0 {
            let code = csys_errno()
            if code == EINTR { return }
            throw SystemError("epoll_wait", "", code)
        }
        for index in 0..<Int(count) {
            body(events[index].data.u64, Readiness(rawValue: events[index].events))
        }
    }
}
