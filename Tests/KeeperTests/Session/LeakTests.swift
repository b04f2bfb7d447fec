import Glibc
import Testing

@Suite("Nothing leaks")
struct LeakTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    @Test("10,000 connections: as many descriptors and as much memory as before")
    func connections() throws {
        try box.spawn("--wait", "ready", "a", "--", "sh", "-c", "exec cat >/dev/null")
        let keeper = try box.keeperPID("a")
        func use(_ count: Int) throws {
            for number in 0..<count {
                let client = try UnixClient(box.socket("a"))
                switch number % 4 {
                case 0: #expect(try client.deliver("line\n").isReceipt)
                case 1: try client.send("part")
                case 2: break
                default: _ = try UnixClient(box.control("a")).call("status")
                }
                client.hangUp()
            }
            #expect(try UnixClient(box.socket("a")).deliver("last\n").isReceipt)
        }
        try use(400)
        let descriptors = Proc.descriptors(keeper)
        let memory = try #require(Proc.resident(keeper))
        try use(10_000)
        try eventually("the descriptors of before (\(descriptors), now \(Proc.descriptors(keeper)))") {
            Proc.descriptors(keeper) <= descriptors
        }
        let after = try #require(Proc.resident(keeper))
        #expect(after <= memory + 512, "KiB before: \(memory), after: \(after)")
    }

    @Test("200 failed starts leave no process and no file")
    func failedStarts() throws {
        let loop = """
            i=0; while [ $i -lt 100 ]; do
              "$0" spawn a -- /no/such/program 2>/dev/null && echo started
              "$0" spawn "b$i" -- /no/such/program 2>/dev/null && echo started
              i=$((i+1))
            done
            """
        let outcome = try box.run(["sh", "-c", loop, Executables.keeperctl], limit: 300)
        #expect(outcome.out == "", outcome.why)
        #expect(Set(directoryEntries(box.sessions)).isSubset(of: [".lock"]))
        // The last keeper says why before it ends.
        try eventually("no process") { box.processes == [] }
    }

    @Test("100 sessions one after the other leave what one leaves")
    func sessions() throws {
        let loop = """
            i=0; while [ $i -lt 100 ]; do
              "$0" spawn a -- cat && "$0" write a x && "$0" kill a || exit 1
              i=$((i+1))
            done
            """
        let outcome = try box.run(["sh", "-c", loop, Executables.keeperctl], limit: 300)
        #expect(outcome.status == 0, outcome.why)
        #expect(directoryEntries(box.sessions) == [".lock", "a.d", "a.d~", "keeper-a.log"])
        // The last keeper answers before it ends.
        try eventually("no process") { box.processes == [] }
    }
}
