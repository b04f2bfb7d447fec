import Glibc
import Testing

/// A running `keeperctl watch --json`, which has begun to watch.
final class Watcher {
    let running: Running
    private var events: [JSON] = []

    init(
        _ box: Sandbox, _ arguments: [String], setting changes: [String: String?] = [:],
        command: String = "watch"
    ) throws {
        running = try box.start([Executables.keeperctl, command, "--json"] + arguments, setting: changes)
        while try next()?["event"]?.string != "watching" {}
        events = []
    }

    /// The next event that it tells.
    @discardableResult
    func next() throws -> JSON? {
        guard let line = try running.readLine() else {
            throw TimedOut(what: "an event; it ended: \(running.errorText)")
        }
        let event = try JSON(parsing: line.utf8)
        events.append(event)
        return event
    }

    /// Waits until a session was restarted, and returns the path that it tells.
    @discardableResult
    func restart(of id: String, _ event: String = "restarted") throws -> String {
        while true {
            if let index = events.firstIndex(where: {
                $0["sessionId"]?.string == id && $0["event"]?.string == event
            }) {
                return events.remove(at: index)["path"]?.string ?? ""
            }
            try next()
        }
    }
}

extension Sandbox {
    /// Makes a file below the sandbox's root with the directories that lead to it, or overwrites it.
    func put(_ name: String, _ text: String = "x\n", mode: mode_t = 0o644) throws {
        try makeFolders(String(name[..<(name.lastIndex(of: "/") ?? name.startIndex)]))
        try writeFile("\(root)/\(name)", text.utf8, mode: mode)
    }

    func makeFolders(_ name: String) throws {
        var path = root
        for part in name.split(separator: "/") {
            path += "/\(part)"
            guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw CallFailed("mkdir \(path)") }
        }
    }

    func move(_ old: String, _ new: String) throws {
        guard rename("\(root)/\(old)", "\(root)/\(new)") == 0 else { throw CallFailed("rename \(old)") }
    }

    /// Makes a link or turns one, in one step.
    func link(_ name: String, to target: String) throws {
        guard symlink(target, "\(root)/.link") == 0 else { throw CallFailed("symlink") }
        try move(".link", name)
    }

    /// How often a session's command has been restarted.
    func restarts(_ id: String) -> Int { (try? status(id))?["child"]?["restarts"]?.int ?? -1 }

    /// A session that says so each time it starts.
    func spawnTeller(_ id: String) throws {
        try spawn(id, "--", "sh", "-c", "echo up; exec cat")
    }
}

extension Proc {
    /// What each watch of a process's inotify instances asks for.
    static func inotifyMasks(_ pid: pid_t) throws -> [UInt32] {
        directoryEntries("/proc/\(pid)/fdinfo").flatMap { name in
            String(decoding: readFile("/proc/\(pid)/fdinfo/\(name)") ?? [], as: UTF8.self)
                .split(separator: "\n").filter { $0.hasPrefix("inotify ") }
                .compactMap { line in
                    line.split(separator: " ").first { $0.hasPrefix("mask:") }
                        .flatMap { UInt32($0.dropFirst(5), radix: 16) }
                }
        }
    }
}
