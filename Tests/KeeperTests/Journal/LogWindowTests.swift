import Glibc
import Testing

/// `keeperctl logs` with bounds and a text that is looked for: what a reader needs who scrolls, and searches.
@Suite("keeperctl logs: windows and search")
struct LogWindowTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func ended(_ id: String, _ script: String, _ options: String...) throws {
        let outcome = try box.run(
            [Executables.keeperctl, "spawn"] + options + [id, "--", "sh", "-c", script])
        try #require(outcome.status == 0, outcome.why)
        try eventually("the end") { !box.exists("\(id).rpc.sock.pid") }
    }

    private func logs(_ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws
        -> String
    {
        let outcome = try box.run([Executables.keeperctl, "logs"] + arguments)
        #expect(outcome.status == 0 && outcome.err == "", outcome.why, sourceLocation: sourceLocation)
        return outcome.out
    }

    private func events(_ arguments: String...) throws -> [StreamEvent] {
        let outcome = try box.run([Executables.keeperctl, "logs", "--json"] + arguments)
        #expect(outcome.status == 0, outcome.why)
        return try StreamEvent.list(outcome.stdout)
    }

    @Test("--head prints the first lines, --before stops, --tail counts back from there")
    func bounds() throws {
        try ended("a", "printf 'one\\n\\ntwo\\nthree'")
        #expect(try logs("--head", "0", "a") == "")
        #expect(try logs("--head", "2", "a") == "one\n\n")
        // Bytes as they are: no line feed is made up.
        #expect(try logs("--head", "9", "a") == "one\n\ntwo\nthree")
        #expect(try logs("--before", "5", "a") == "one\n\n")
        #expect(try logs("--before", "0", "a") == "")
        #expect(try logs("--before", "1000", "a") == "one\n\ntwo\nthree")
        #expect(try logs("--before", "9", "--tail", "2", "a") == "\ntwo\n")
        #expect(try logs("--from", "4", "--before", "9", "a") == "\ntwo\n")
        #expect(try logs("--from", "4", "--head", "1", "a") == "\n")
        #expect(try logs("--from", "9", "--before", "4", "a") == "")
        #expect(try logs("--head", "1", "-t", "a").hasSuffix("Z one\n"))
        for wrong in [
            ["--before", "x", "a"], ["--before", "1", "-f", "a"], ["--head", "1", "--tail", "1", "a"],
            ["--before", "1", "a", "b"], ["--grep", "a\nb", "a"], ["--json", "--before", "1", "a"],
        ] {
            #expect(try box.run([Executables.keeperctl, "logs"] + wrong).status == 2, "\(wrong)")
        }
    }

    @Test(
        "--grep prints lines that contain a text: all, the first or the last of them, by whichever way they are cut"
    )
    func search() throws {
        try ended("a", "printf 'an apple\\na pear\\n\\napples\\npineapple'")
        #expect(try logs("--grep", "apple", "a") == "an apple\napples\npineapple\n")
        #expect(try logs("--grep", "apple", "--head", "2", "a") == "an apple\napples\n")
        #expect(try logs("--grep", "apple", "--tail", "2", "a") == "apples\npineapple\n")
        #expect(try logs("--grep", "apple", "--tail", "1", "--before", "24", "a") == "apples\n")
        #expect(try logs("--grep", "pear", "--tail", "5", "a") == "a pear\n")
        #expect(try logs("--grep", "melon", "a") == "")
        #expect(try logs("--grep", "melon", "--tail", "3", "a") == "")
        #expect(try logs("--grep", "", "--head", "1", "a") == "an apple\n")
        #expect(try logs("--grep", "apple", "-t", "--head", "1", "a").hasSuffix("Z an apple\n"))
        #expect(try events("--grep", "apple", "a").contents == ["an apple", "apples", "pineapple"])
    }

    /// Lines of all lengths, some longer than what is read at once, in small segments.
    private static let script = """
        i=0
        while [ $i -lt 3000 ]; do
            i=$((i + 1))
            case $i in
            *77) head -c 150000 /dev/zero | tr '\\0' x; echo " needle $i" ;;
            *50) head -c 140000 /dev/zero | tr '\\0' y; echo "$i" ;;
            *9) echo "a needle $i" ;;
            *) echo "line $i" ;;
            esac
        done
        """

    @Test(
        "forward and backward, in lines longer than what is read at once, across segments, the same lines are found"
    )
    func longLines() throws {
        try ended("a", Self.script, "--journal-size", "64M")
        let all = box.journalText("a").split(separator: "\n").map { $0 + "\n" }
        let wanted = all.filter { $0.contains("needle") }
        try #require(wanted.count == 330 && box.journal("a").count > 8 << 20)
        #expect(try logs("--grep", "needle", "a") == wanted.joined())
        for count in [1, 7, 100, 329, 330, 400] {
            #expect(try logs("--grep", "needle", "--tail", "\(count)", "a") == wanted.suffix(count).joined())
            #expect(try logs("--grep", "needle", "--head", "\(count)", "a") == wanted.prefix(count).joined())
        }
        // A text that ends where one read ends and another begins is found as well.
        let few = all.filter { $0.contains("xx needle 77") }
        #expect(try logs("--grep", "xx needle 77", "--tail", "9", "a") == few.joined())
    }

    @Test("--json pages back through both streams, each line once, however it searches")
    func pages() throws {
        let script = """
            i=0
            while [ $i -lt 400 ]; do
                i=$((i + 1))
                echo "out $i"
                [ $((i % 3)) = 0 ] && echo "err $i" >&2
                [ $((i % 50)) = 0 ] && sleep 0.02
            done
            """
        try ended("a", script)
        for search in [[], ["--grep", "7"]] {
            let whole = try StreamEvent.list(
                box.run([Executables.keeperctl, "logs", "--json"] + search + ["a"]).stdout)
            var pages: [StreamEvent] = []
            var more: [String] = []
            for _ in 0..<1000 {
                let page = try StreamEvent.list(
                    box.run(
                        [Executables.keeperctl, "logs", "--json", "--tail", "13"] + search + more + ["a"]
                    )
                    .stdout
                ).output
                guard let first = page.first else { break }
                pages = page + pages
                // The place before an event: its cursor, with where it begins in its own stream.
                var parts = first.cursor.split(separator: ":").map(String.init)
                parts[first.stream == "stdout" ? 1 : 2] = "\(first.seq)"
                more = ["--before", parts.joined(separator: ":")]
            }
            #expect(pages.contents.sorted() == whole.contents.sorted())
            for stream in ["stdout", "stderr"] {
                #expect(
                    pages.filter { $0.stream == stream }.contents
                        == whole.filter { $0.stream == stream }.contents)
            }
            // And forward, by the cursor of the last event of each page.
            var forward: [String] = []
            more = []
            for _ in 0..<1000 {
                let page = try StreamEvent.list(
                    box.run(
                        [Executables.keeperctl, "logs", "--json", "--head", "13"] + search + more + ["a"]
                    )
                    .stdout)
                if page.contents.isEmpty { break }
                forward += page.contents
                more = ["--from", try #require(page.last).cursor]
            }
            #expect(forward == whole.contents)
        }
    }

    @Test("a cursor of another session is told, and nothing comes that is before it")
    func otherSession() throws {
        try ended("a", "echo one")
        let outcome = try box.ctl("logs", "--before", "0123456789abcdef:4:0", "a")
        #expect(outcome.out == "" && outcome.err.contains("another session"), outcome.why)
        let told = try StreamEvent.list(
            box.ctl("logs", "--json", "--before", "0123456789abcdef:4:0", "a").stdout)
        #expect(told.map { $0.type } == ["error", "status"])
    }

    @Test("-f --grep --head ends with the line that was waited for")
    func follows() throws {
        try box.spawn("a", "--", "cat")
        let plain = try box.startCtl("logs", "-f", "--grep", "ready", "--head", "1", "a")
        let json = try box.startCtl("logs", "-f", "--json", "--grep", "ready", "--head", "1", "a")
        try box.ctl("write", "a", "not yet", "it is ready", "it is ready again")
        #expect(try plain.readLine() == "it is ready")
        #expect(try plain.wait() == .exited(0))
        #expect(try json.readEvent()?.type == "status")
        #expect(try json.readEvent()?.content == "it is ready")
        #expect(try json.wait() == .exited(0))
    }

    @Test(
        "what is not needed is not read: a window and a search at the end of a large journal",
        requires("strace"))
    func reading() throws {
        try ended("a", "seq 3000000; echo needle; seq 10", "--journal-size", "64M")
        try #require(box.journal("a").count > 20 << 20)
        for line in [
            ["--tail", "5"], ["--head", "5"], ["--tail", "1", "--grep", "needle"],
            ["--tail", "1", "--grep", "needle", "--json"], ["--head", "3", "--grep", "7"],
        ] {
            let read = try bytesRead(["logs", "a"] + line)
            #expect(read < 2 << 20, "\(line): \(read)")
        }
        // All of it is searched where there are fewer than are wanted.
        #expect(try bytesRead(["logs", "a", "--tail", "5", "--grep", "needle"]) > 20 << 20)
    }

    /// How much a command reads, as the kernel counts it, with what starting it takes.
    private func bytesRead(_ arguments: [String]) throws -> Int {
        let outcome = try box.run(
            [
                "strace", "-f", "-qq", "-e", "trace=read,pread64", "-o", "\(box.root)/trace",
                Executables.keeperctl,
            ]
                + arguments)
        #expect(outcome.status == 0, outcome.why)
        return String(decoding: readFile("\(box.root)/trace") ?? [], as: UTF8.self).split(separator: "\n")
            .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
    }
}
