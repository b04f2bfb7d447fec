import Glibc
import Testing

/// A service manager as far as a resilient keeper needs one: it keeps descriptors and starts a keeper that was killed
/// again with them, on machines that have no systemd as well.
final class StandInManager {
    private let box: Sandbox
    private let running: Running
    private let hold: String
    /// The keeper that was started last.
    private(set) var keeper = 0
    /// The manager itself.
    var process: pid_t { running.pid }
    /// How often one was started.
    private(set) var starts = 0
    /// The exit status of the last keeper, which was not started again.
    private(set) var exitStatus: Int32?
    /// Names of what was stored when that ended.
    private(set) var leftInStore = ""

    /// Starts `keeper --resilient` with these arguments and waits until it says that it is ready.
    init(_ box: Sandbox, _ arguments: String..., untilReady: Bool = true) throws {
        self.box = box
        hold = box.root + "/hold"
        let script = box.root + "/manager.py"
        try writeFile(script, StandInManager.script.utf8)
        running = try box.start(
            [Programs.python, script, box.root + "/notify", hold, Executables.keeper, "--resilient"]
                + arguments,
            directory: box.root)
        if untilReady { try waitFor("ready") }
    }

    /// Kills the keeper and returns once the next is ready.
    func replaceKeeper() throws {
        killKeeper()
        try waitFor("ready")
    }

    func killKeeper() { kill(pid_t(keeper), SIGKILL) }

    /// Waits for the next keeper's start, but not for more.
    func waitForStart() throws { try waitFor("started") }

    /// Lets a time pass, of the length that the caller decides, between a keeper's death and the start of the next.
    func pause(_ body: () throws -> Void) throws {
        try writeFile(hold, [])
        killKeeper()
        try waitFor("died")
        try body()
        unlink(hold)
        try waitFor("ready")
    }

    /// Waits for the end of a keeper that was not killed.
    @discardableResult
    func waitForEnd() throws -> Int32 {
        try waitFor("ended")
        return try #require(exitStatus)
    }

    /// Makes it lose what it has stored under a name.
    func forget(_ name: String) throws {
        let number = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(number) }
        try withSocketAddress(box.root + "/notify") { address, length in
            let text = Array("FDSTOREREMOVE=1\nFDNAME=\(name)".utf8)
            let count = sendto(
                number, text, text.count, 0, __CONST_SOCKADDR_ARG(__sockaddr__: address), length)
            guard count == text.count else { throw CallFailed("sendto") }
        }
    }

    /// Reads what the manager says until it says this.
    private func waitFor(_ word: String) throws {
        let limit = starts + 30
        while true {
            guard starts < limit else { throw TimedOut(what: "'\(word)': no keeper stays \(box.logs)") }
            guard let line = try running.readLine(timeout: 60) else {
                throw TimedOut(what: "'\(word)' of the manager: \(running.errorText) \(box.logs)")
            }
            let words = line.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
            switch words[0] {
            case "started":
                keeper = Int(words[1]) ?? 0
                starts += 1
            case "ended":
                exitStatus = Int32(words[1])
                leftInStore = words.dropFirst(2).joined(separator: " ")
            default: break
            }
            if words[0] == word { return }
            if words[0] == "ended" {
                throw TimedOut(what: "'\(word)', but the keeper ended: \(line) \(box.logs)")
            }
        }
    }

    /// Path of its socket, a file that holds up the next start, and the keeper's arguments.
    static let script = #"""
        import ctypes, fcntl, os, select, signal, socket, sys, time

        path, hold, argv = sys.argv[1], sys.argv[2], sys.argv[3:]
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER, as systemd --user is
        notes = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        notes.bind(path)
        notes.setblocking(False)
        store = []  # (name, descriptor)
        wake, waker = os.pipe()
        os.set_blocking(waker, False)
        os.set_blocking(wake, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker)


        def say(*words):
            print(*words, flush=True)


        def take_notes():
            while True:
                try:
                    text, received, _, _ = socket.recv_fds(notes, 65536, 16)
                except BlockingIOError:
                    return
                fields = dict(line.split("=", 1) for line in text.decode().split("\n") if "=" in line)
                name = fields.get("FDNAME")
                if fields.get("FDSTOREREMOVE") == "1":
                    for entry in [entry for entry in store if entry[0] == name]:
                        store.remove(entry)
                        os.close(entry[1])
                elif fields.get("FDSTORE") == "1":
                    assert fields.get("FDPOLL") == "0" and len(received) == 1, text
                    store.append((name, received[0]))
                if fields.get("READY") == "1":
                    say("ready")


        def start():
            pid = os.fork()
            if pid:
                say("started", pid, " ".join(sorted(name for name, _ in store)))
                return pid
            # In any order: names are what counts.
            entries = store[::-1]
            high = [fcntl.fcntl(number, fcntl.F_DUPFD, 100) for _, number in entries]
            for target, number in enumerate(high, 3):
                os.dup2(number, target)
            os.closerange(3 + len(high), 1000)
            os.environ["NOTIFY_SOCKET"] = path
            if high:
                os.environ["LISTEN_PID"] = str(os.getpid())
                os.environ["LISTEN_FDS"] = str(len(high))
                os.environ["LISTEN_FDNAMES"] = ":".join(name for name, _ in entries)
            os.execv(argv[0], argv)


        keeper = start()
        while True:
            select.select([notes, wake], [], [])
            try:
                os.read(wake, 100)
            except BlockingIOError:
                pass
            take_notes()
            while True:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    break
                if pid == 0:
                    break
                if pid != keeper:
                    continue
                take_notes()
                if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 75:
                    say("ended", os.WEXITSTATUS(status), " ".join(name for name, _ in store))
                    sys.exit(0)
                say("died", pid)
                while os.path.exists(hold):
                    time.sleep(0.002)
                keeper = start()

        """#
}
