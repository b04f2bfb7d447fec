import Glibc
import Testing

@Suite("One owner of an id, whatever happens at once")
struct OwnershipTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// Notes in a file when another child of the same id is alive at the same time.
    private func child(_ id: String) -> [String] {
        [
            "sh", "-c", "exec 8>\"$0.lock\"; flock -n 8 || echo two >> \"$0.violations\"; cat >/dev/null",
            box.root + "/" + id,
        ]
    }

    private func check(_ ids: [String]) throws {
        for id in ids { #expect(readFile(box.root + "/\(id).violations") == nil, "two owners of \(id)") }
        #expect(try box.ctl("discover").status == 0)
        #expect(try box.ctl("kill", "--all").status == 0)
        for id in ids { #expect(box.sidecars(id) == []) }
        #expect(directoryEntries(box.sessions).filter { $0.hasPrefix(".") && $0 != ".lock" } == [])
        for id in ids {
            let arguments = ["spawn", id, "--"] + child(id)
            let outcome = try box.run([Executables.keeperctl] + arguments)
            #expect(outcome.status == 0, outcome.why)
            #expect(try UnixClient(box.socket(id)).deliver("x\n").isReceipt)
        }
    }

    private func loop(_ count: Int, _ body: String) -> [String] {
        [
            "sh", "-c", "i=0; while [ $i -lt \(count) ]; do \(body); i=$((i+1)); done >/dev/null 2>&1",
            Executables.keeperctl,
        ]
    }

    private func quoted(_ words: [String]) -> String { words.map { "'\($0)'" }.joined(separator: " ") }

    @Test("starters, enders and reapers of one id", requires("flock"))
    func chaos() throws {
        let spawn = "\"$0\" spawn x -- \(quoted(child("x")))"
        var workers: [Running] = []
        for _ in 0..<3 { workers.append(try box.start(loop(25, spawn))) }
        workers.append(try box.start(loop(25, "\"$0\" kill --grace 300ms x")))
        workers.append(try box.start(loop(40, "\"$0\" discover")))
        let pid = box.path("x.rpc.sock.pid")
        workers.append(
            try box.start(
                loop(
                    25,
                    "p=$(cat \(pid)) && grep -qa KEEPER_SESSIONS_DIR=\(box.sessions) /proc/$p/environ && kill -9 $p; sleep 0.1"
                )))
        for worker in workers { try worker.wait(timeout: 240) }
        try check(["x"])
    }

    @Test("the same with delays around unlink and rename", requires("flock", "strace"))
    func delayed() throws {
        let calls = "unlink,unlinkat,rename,renameat,renameat2,link,linkat"
        let slow = "strace -f -qq -o /dev/null -e trace=\(calls) -e inject=\(calls):delay_enter=20000"
        let spawn = "\(slow) \"$0\" spawn y -- \(quoted(child("y")))"
        // strace ends with the session that it watches, so each starter needs someone who ends it.
        let starters = try (0..<3).map { _ in try box.start(loop(6, spawn)) }
        let reapers = try (0..<2).map { _ in try box.start(loop(8, "\(slow) \"$0\" discover")) }
        let ender = try box.start(loop(1000, "\"$0\" kill --grace 300ms y; sleep 0.05"))
        for worker in starters + reapers { try worker.wait(timeout: 240) }
        ender.kill(SIGKILL)
        try ender.wait()
        try check(["y"])
    }
}
