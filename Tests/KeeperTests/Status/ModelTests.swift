import Glibc
import Testing

/// What a session should do, in as few words as possible.
private struct Model {
    enum State: String { case starting, running, paused, backoff, exited, failed, lost }

    let policy: String
    var state = State.starting
    var restarts = 0
    var hasBeenReady = false
    /// Whether the next child will say that it is ready.
    var saysReady: Bool
    /// The end of input that was asked for has not reached a child yet.
    var endsInput = false

    var isOver: Bool { [.exited, .failed, .lost].contains(state) }

    init(policy: String, saysReady: Bool) {
        (self.policy, self.saysReady) = (policy, saysReady)
        childRuns()
    }

    /// A child runs, and gets as far as it can by itself.
    mutating func childRuns() {
        state = saysReady ? .running : .starting
        hasBeenReady = hasBeenReady || saysReady
        if endsInput { inputEnds() }
    }

    mutating func becomesReady() {
        hasBeenReady = true
        state = .running
    }

    mutating func inputEnds() {
        endsInput = false
        childEnds(well: true)
    }

    mutating func childEnds(well: Bool) {
        let again = hasBeenReady && (policy == "always" || (policy == "on-failure" && !well))
        state = again ? .backoff : (well || hasBeenReady ? .exited : .failed)
    }

    mutating func nextChildRuns() {
        restarts += 1
        childRuns()
    }
}

/// One real session and its model.
private final class Subject {
    let box: Sandbox
    let id: String
    var model: Model
    private var sent = 0
    private var waiting: [UnixClient] = []
    /// Requests whose answers may come late.
    private var requests: [UnixClient] = []
    private(set) var history: [String] = []

    private var mark: String { "\(box.root)/\(id).unready" }

    init(_ box: Sandbox, _ id: String, _ random: inout SplitMix64) throws {
        (self.box, self.id) = (box, id)
        model = Model(
            policy: random.pick(["no", "on-failure", "always", "always"]), saysReady: random.below(4) > 0)
        history.append("policy \(model.policy), saysReady \(model.saysReady)")
        try setReadiness()
        let script = """
            [ -e '\(mark)' ] || echo up
            while read x; do
                case $x in "exit "*) exit ${x#exit };; ready) echo up;; esac
                echo "got $x"
            done
            """
        try box.supervise(id, ["--restart", model.policy, "--ready", "output:up"], ["sh", "-c", script])
        try settle()
    }

    private func setReadiness() throws {
        if model.saysReady { unlink(mark) } else { try writeFile(mark, []) }
    }

    private func observed() throws -> (state: String, restarts: Int)? {
        guard let status = try? box.status(id), let state = status["state"]?.string,
            // The event is written after the status.
            try box.events(id).last(where: { $0["to"] != nil })?["to"]?.string == state
        else { return nil }
        return (state, status["child"]?["restarts"]?.int ?? 0)
    }

    /// Waits until the session is what its model is; one that was away may have gone on by itself.
    func settle() throws {
        var seen = ""
        do {
            try eventually("the model's state") {
                guard let (state, restarts) = try observed() else { return false }
                seen = "\(state), \(restarts) restarts"
                var guess = model
                for _ in 0..<4 {
                    if guess.state.rawValue == state, guess.restarts == restarts {
                        model = guess
                        return true
                    }
                    guard guess.state == .backoff else { return false }
                    guess.nextChildRuns()
                }
                return false
            }
        } catch {
            throw TimedOut(what: "\(id) is \(seen), not \(model)\n\(history)\n\(box.log(id))")
        }
        if model.isOver { try box.awaitEnd(id) }
        if model.state == .running, !model.endsInput {
            for client in waiting { #expect(try client.readToEnd().isReceipt, "\(history)") }
            waiting = []
        }
    }

    private func send(_ line: String) throws {
        let client = try UnixClient(box.socket(id))
        try client.send(line + "\n")
        client.halfClose()
        waiting.append(client)
    }

    /// A request that is answered now; the state that a refusal names.
    private func ask(_ method: String, _ params: [String: Any]? = nil) throws -> (
        isDone: Bool, state: String?
    ) {
        let answer = try box.call(id, method, params)
        if let error = answer["error"] { return (false, error["data"]?["state"]?.string) }
        return (true, answer["result"]?["state"]?.string)
    }

    /// What was thought to be away may not have been any more.
    private func reconcile(_ state: String?) {
        if model.state == .backoff, state != "backoff" { model.nextChildRuns() }
    }

    enum Operation: CaseIterable {
        case write, exitWell, exitBadly, becomeReady, toggleReady, eof, restart, pause, resume, signal,
            terminate
        case killChild, wait, stop, killKeeper
    }

    /// - Returns: false when the operation makes no sense now.
    func perform(_ operation: Operation) throws -> Bool {
        let runs = model.state == .running || model.state == .starting
        switch operation {
        case .write:
            sent += 1
            try send("line \(sent)")
        case .exitWell, .exitBadly:
            if !runs { return false }
            try send(operation == .exitWell ? "exit 0" : "exit 3")
            model.childEnds(well: operation == .exitWell)
            waiting = []
        case .becomeReady:
            if model.state != .starting { return false }
            try send("ready")
            model.becomesReady()
        case .toggleReady:
            if model.state == .backoff { return false }
            model.saysReady.toggle()
            try setReadiness()
        case .eof:
            let client = try UnixClient(box.control(id))
            try client.send("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"closeInput\"}\n")
            requests.append(client)
            if runs { model.inputEnds() } else { model.endsInput = true }
            waiting = []
        case .restart:
            #expect(try ask("restart").isDone)
            // It may have been away no longer.
            if model.state == .backoff, box.restarts(id) ?? 0 > model.restarts + 1 { model.nextChildRuns() }
            model.nextChildRuns()
        case .pause:
            let answer = try ask("pause")
            reconcile(answer.isDone ? "running" : answer.state)
            #expect(answer.isDone == (model.state == .running), "\(answer)")
            if answer.isDone { model.state = .paused }
        case .resume:
            let answer = try ask("resume")
            if !answer.isDone { reconcile(answer.state) }
            #expect(answer.isDone == (model.state == .paused), "\(answer)")
            if answer.isDone {
                model.state = .running
                if model.endsInput { model.inputEnds() }
            }
        case .signal:
            let isSent = try ask("signal", ["name": "WINCH", "to": "group"]).isDone
            #expect(isSent || model.state == .backoff)
        case .terminate:
            if !runs { return false }
            #expect(try ask("signal", ["name": "TERM", "to": "process"]).isDone)
            model.childEnds(well: false)
            waiting = []
        case .killChild:
            if model.state == .backoff { return false }
            kill(pid_t(try box.childPID(id)), SIGKILL)
            model.childEnds(well: false)
            waiting = []
        case .wait:
            if model.state != .backoff { return false }
            model.nextChildRuns()
        case .stop:
            let answer = try ask("stop")
            #expect(answer.isDone && answer.state == "exited", "\(answer)")
            if model.state == .backoff, box.restarts(id) != model.restarts { model.restarts += 1 }
            model.state = .exited
        case .killKeeper:
            // A step by itself at that very moment could be torn.
            if model.state == .backoff { return false }
            kill(pid_t(try box.keeperPID(id)), SIGKILL)
            try eventually("discover to clear it away") {
                try box.ctl("discover")
                return !box.exists("\(id).rpc.sock.pid")
            }
            model.state = .lost
        }
        history.append("\(operation)")
        try settle()
        return true
    }

    /// What holds at the end of any session.
    func check() throws {
        let seen = try box.transitions(id)
        #expect(seen.last?.to == model.state.rawValue, "\(history)")
        #expect(box.sidecars(id) == [], "\(history)")
        let got = box.journalText(id).split(separator: "\n").filter { $0.hasPrefix("got line ") }
        let numbers = got.compactMap { Int($0.dropFirst(9)) }
        #expect(numbers.count == got.count && numbers == numbers.sorted(), "\(got)\n\(history)")
        #expect(Set(numbers).count == numbers.count, "\(got)\n\(history)")
        let restarting = try box.events(id, "restarting").count
        let started = try box.events(id, "started").count
        #expect(started == model.restarts + 1 && restarting >= model.restarts, "\(history)")
        unlink(mark)
    }
}

@Suite("Random operations against a model")
struct ModelTests {
    /// Seconds; enough to have tried everything in most orders.
    private static let patience = 25.0

    @Test("whatever is done to a session in whatever order, it does what the model says")
    func random() throws {
        let box = try Sandbox()
        var random = SplitMix64.announced("randomOperations")
        let start = monotonicNow()
        var count = 0
        while count < 40, monotonicNow() - start < ModelTests.patience {
            count += 1
            let subject = try Subject(box, "s\(count)", &random)
            var steps = 0
            while !subject.model.isOver {
                steps += 1
                var operation = random.pick(Subject.Operation.allCases)
                // Some ends are for later.
                if operation == .stop || operation == .killKeeper, random.below(3) > 0 { operation = .pause }
                if operation == .wait, random.below(3) > 0 { operation = .restart }
                if steps > 25 { operation = random.below(2) == 0 ? .stop : .killKeeper }
                if try !subject.perform(operation), steps > 25 { _ = try subject.perform(.stop) }
            }
            try subject.check()
        }
        #expect(count > 2, "too slow to have tried anything")
        try eventually("no process") { box.processes.isEmpty }
    }
}
