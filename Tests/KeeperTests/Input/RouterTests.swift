import Glibc
import KeeperShared
import Testing

@testable import keeper

/// The router alone: writers on one side, a pipe on the other, and no session.
@Suite struct RouterTests {
    private let router: InputRouter
    private let child: Peer
    private let reports = Reports()

    /// What the router said, in words.
    private final class Reports {
        var said: [String] = []
        func add(_ report: InputReport) {
            switch report {
            case .delivered: if said.last != "delivered" { said.append("delivered") }
            case .completed(_, let failure): said.append("completed \(failure?.message ?? "")")
            case .dropped(let bytes): said.append("dropped \(bytes)")
            case .refused(let error, let delivered): said.append("refused \(error.code) after \(delivered)")
            case .closingStdin: said.append("closing")
            case .closed(let replies, _): said.append("closed for \(replies.count)")
            case .stdinFailed: said.append("failed")
            case .cannotWatchStdin: said.append("cannot watch")
            }
        }
    }

    /// The other end of one of the router's descriptors.
    private final class Peer {
        let number: Int32
        init(_ number: Int32) { self.number = number }
        deinit { close(number) }

        func write(_ text: String) { _ = Glibc.write(number, text, text.utf8.count) }
        func halfClose() { shutdown(number, Int32(SHUT_WR)) }
        /// Nil while nothing is there; empty at the end.
        func read(_ limit: Int = 1 << 20) -> String? {
            var bytes = [UInt8](repeating: 0, count: limit)
            let count = Glibc.read(number, &bytes, limit)
            return count < 0 ? nil : String(decoding: bytes.prefix(count), as: UTF8.self)
        }
    }

    init() throws {
        router = InputRouter(poller: try Poller(), maximumLine: 1 << 20, maximumPending: 1 << 20)
        let reports = reports
        router.report = { reports.add($0) }
        _ = brokenPipesAreErrors
        let pipe = try KeeperShared.makePipe()
        try pipe.reading.setNonBlocking()
        try pipe.writing.setNonBlocking()
        child = Peer(try pipe.reading.duplicate().release())
        router.attach(pipe.takeWriting())
    }

    private func connect() throws -> Peer {
        var ends: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
        #expect(socketpair(AF_UNIX, type, 0, &ends) == 0)
        router.accept(FileDescriptor(owning: ends[1]))
        return Peer(ends[0])
    }

    private func run() { while router.hasWork { router.process() } }

    /// Something has happened on the only connections there are.
    private func wake() {
        for token in router.connections.keys { router.isReady(token, .input) }
        run()
    }

    @Test func linesGoWholeAndTheReceiptIsTheClosedSocketWhoeverHoldsTheConnection() throws {
        let (first, second) = (try connect(), try connect())
        first.write("one\ntw")
        second.write("three\n")
        second.halfClose()
        let held = Array(router.connections.values)
        run()
        #expect(child.read() == "one\nthree\n")
        #expect(first.read() == nil && second.read() == "", "only the second is done")
        first.write("o\n")
        first.halfClose()
        wake()
        #expect(child.read() == "two\n" && first.read() == "")
        #expect(held.allSatisfy { $0.isClosed } && router.count == 0)
        #expect(reports.said == ["delivered"])
    }

    @Test func whileStdinIsFullWritersWithNothingLeftGetTheirReceipt() throws {
        let (much, little) = (try connect(), try connect())
        let line = String(repeating: "x", count: 99_999) + "\n"
        much.write(line)
        little.halfClose()
        run()
        #expect(!router.hasWork && little.read() == "" && much.read() == nil)
        var got = ""
        while let part = child.read(), !part.isEmpty {
            got += part
            router.stdinIsReady()
            wake()
        }
        #expect(got == line)
        much.halfClose()
        wake()
        #expect(much.read() == "")
    }

    @Test func onceTheChildHasClosedItsStdinWritersAreTold() throws {
        let (first, second) = (try connect(), try connect())
        first.write("one\n")
        run()
        #expect(child.read() == "one\n")
        let lost = Peer(try FileDescriptor.open("/dev/null", O_WRONLY).release())
        dup2(lost.number, child.number)
        first.write("two\n")
        wake()
        #expect(reports.said.last == "failed" && !router.hasWork, "until the session says what that means")
        router.childHasClosedStdin()
        second.write("three\n")
        wake()
        #expect(try #require(first.read()).contains("\"code\":3") && router.count == 0)
        #expect(try #require(second.read()).contains("child_away: the child closed its stdin"))
        #expect(reports.said == ["delivered", "failed", "closing", "refused 3 after 1", "refused 3 after 0"])
    }

    @Test func aRequestToCloseStdinIsAnsweredAfterTheLinesThatCameBeforeIt() throws {
        let writer = try connect()
        writer.write("one\n")
        router.closeWhenThrough(Reply(connection: 1, id: [49]))
        writer.write("two\n")
        run()
        #expect(child.read() == "one\n" && child.read() == "")
        #expect(reports.said == ["delivered", "closing", "closed for 1", "refused 3 after 1"])
    }

    @Test func aLineOfTheKeepersOwnIsReportedOnceItIsDeliveredOrCannotBe() throws {
        try router.send([97], then: .armMatch)
        try router.send([98], isFirst: true, then: .armMatch)
        run()
        #expect(child.read() == "b\na\n")
        router.closeNow("it is over")
        try router.send([99], then: .armMatch)
        run()
        #expect(reports.said.suffix(2) == ["refused 3 after 0", "completed child_away: it is over"])
    }
}
