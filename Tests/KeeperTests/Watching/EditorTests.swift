import Glibc
import Testing

private let savePatterns: [(String, String)] = [
    ("truncate and write", "echo $N > f"),
    ("append", "echo $N >> f"),
    ("write beside and rename", "echo $N > .f.tmp; mv .f.tmp f"),
    ("backup by rename, new file", "mv f f~; echo $N > f; rm f~"),
    ("backup by copy, write in place", "cp f f~; echo $N > f; rm f~"),
    ("remove and write", "rm f; echo $N > f"),
    ("link in place", "echo $N > .n; ln -f .n f; rm .n"),
    ("touch", "touch f"),
    ("sed -i", "sed -i \"s/.*/$N/\" f"),
    ("slow", "echo a > f; sleep 0.05; echo $N >> f"),
]

/// The ways in which editors save, and what they do to what is watched.
@Suite("keeperctl watch: editors")
struct EditorTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    /// Saves twice: after the first the file may be another one under the same name.
    private func savedTwice(_ path: String, _ save: (Int) throws -> Void) throws {
        try box.spawnTeller("a")
        // Long enough for a save of several programs on a busy machine.
        let watcher = try Watcher(box, ["--debounce", "700ms", "a=\(path)"])
        for number in 1...2 {
            try save(number)
            try watcher.restart(of: "a")
        }
        #expect(box.restarts("a") == 2)
    }

    @Test(
        "each way of saving is seen, in a directory and for a single file", arguments: savePatterns,
        ["src", "src/f"])
    func patterns(pattern: (String, String), path: String) throws {
        try box.put("src/f")
        try savedTwice(path) { number in
            let outcome = try box.run(
                ["sh", "-c", pattern.1], setting: ["N": "\(number)"], directory: box.root + "/src")
            #expect(outcome.status == 0, outcome.why)
        }
    }

    @Test("vim", requires("vi"), arguments: ["src", "src/f"], ["no", "yes", "auto"])
    func vim(path: String, backupCopy: String) throws {
        try box.put("src/f")
        try savedTwice(path) { number in
            let outcome = try box.run([
                "vi", "-e", "-s", "-u", "NONE", "-c", "set nocompatible backup backupcopy=\(backupCopy)",
                "-c", "s/$/ hello \(number)/", "-c", "wq", "src/f",
            ])
            #expect(
                String(decoding: readFile(box.root + "/src/f") ?? [], as: UTF8.self).contains(
                    "hello \(number)"), outcome.why)
        }
    }

    @Test("ed", requires("ed"), arguments: ["src", "src/f"])
    func ed(path: String) throws {
        try box.put("src/f")
        try savedTwice(path) { number in
            let outcome = try box.run(
                ["ed", "-s", "src/f"], input: [UInt8]("a\nhello \(number)\n.\nw\nq\n".utf8))
            #expect(outcome.status == 0, outcome.why)
        }
    }

    @Test(
        "a file that is written through memory is seen when it is closed; one that is only opened is not",
        requires("python3"))
    func mapped() throws {
        try box.put("src/f", "0123456789")
        try box.put("other/f")
        try box.spawnTeller("a")
        try box.spawnTeller("probe")
        let watcher = try Watcher(box, ["a=src", "probe=other"])
        /// Opens and closes the file, and lets so much time pass that a restart for it has begun.
        func openOnly() throws {
            let script = "f = open('src/f', 'r+b'); f.close()"
            #expect(try box.run([Programs.python, "-c", script]).status == 0)
            try box.put("other/f", "new")
            try watcher.restart(of: "probe")
        }
        try openOnly()
        let write = """
            import mmap, os
            f = os.open('src/f', os.O_RDWR)
            m = mmap.mmap(f, 10)
            m[0:3] = b'new'
            m.close()
            os.close(f)
            """
        #expect(try box.run([Programs.python, "-c", write]).status == 0)
        try watcher.restart(of: "a")
        // The child itself may open its files so each time it starts.
        try openOnly()
        try box.put("src/g")
        #expect(try watcher.restart(of: "a") == "src/g")
        #expect(box.restarts("a") == 2)
    }

    @Test("names need not be UTF-8")
    func rawNames() throws {
        try box.spawnTeller("a")
        try box.makeFolders("src")
        let watcher = try Watcher(box, ["a=src"])
        let script = "d=$(printf 'd\\377'); mkdir -p \"src/$d\"; echo x > \"src/$d/f\""
        #expect(try box.run(["sh", "-c", script]).status == 0)
        try watcher.restart(of: "a")
        #expect(try box.run(["sh", "-c", "d=$(printf 'd\\377'); echo y > \"src/$d/f\""]).status == 0)
        #expect(try watcher.restart(of: "a") == "src/d\u{FFFD}/f")
    }
}
