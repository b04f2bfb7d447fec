import Glibc
import Testing

/// `keeperctl exec`, as a unit runs it.
@Suite struct ExecTests {
    let box: Sandbox
    init() throws { box = try Sandbox() }

    private func config(_ id: String, _ text: String) throws {
        for folder in ["\(box.root)/.config", "\(box.root)/.config/keeper"] { mkdir(folder, 0o700) }
        try writeFile("\(box.root)/.config/keeper/\(id).json", text.utf8)
    }

    @Test("the process becomes the keeper, and the file's options are the session's")
    func becomesTheKeeper() throws {
        mkdir("\(box.root)/.config", 0o700)
        mkdir("\(box.root)/.config/keeper", 0o700)
        mkdir("\(box.root)/.config/keeper/place", 0o700)
        try config(
            "a",
            """
            {"command": ["bash", "-c", "pwd; echo $A-$B; echo \\"$@\\" >&2; exec cat", "x", "y z", 7],
             "env": {"A": "1", "B": "2"}, "labels": {"app": "demo", "n": 3}, "cwd": "place", "mergeStderr": true,
             "rm": false, "journal-size": "1M", "readyBogus": null}
            """.replacing(", \"readyBogus\": null", with: ""))
        let running = try box.start([Executables.keeperctl, "exec", "a"])
        try eventually("output") { box.journalText("a").contains("y z 7") }
        #expect(try box.keeperPID("a") == Int(running.pid))
        #expect(box.journalText("a") == "\(box.root)/.config/keeper/place\n1-2\ny z 7\n")
        let labels = try box.status("a")["labels"]
        #expect(labels?["app"]?.string == "demo" && labels?["n"]?.string == "3")
        #expect(Proc.arguments(Int(running.pid)).contains("--journal-size=1M"))
        // The id is taken now.
        let second = try box.ctl("exec", "a")
        #expect(second.status == 5, second.why)
        kill(running.pid, SIGTERM)
        #expect(try running.wait() == .exited(0))
    }

    @Test("clearEnv leaves what is for the keeper, and the child gets none of it")
    func clearEnvironment() throws {
        try config("a", #"{"command": ["bash", "-c", "env; exec cat"], "clearEnv": true, "env": {"X": "1"}}"#)
        let running = try box.start(
            [Executables.keeperctl, "exec", "a"], setting: ["NOTIFY_SOCKET": "/no/such", "HUSH": "1"])
        try eventually("output") { box.journalText("a").contains("KEEPER_SESSION=") }
        let environment = try #require(readFile("/proc/\(running.pid)/environ"))
        #expect(String(decoding: environment, as: UTF8.self) == "NOTIFY_SOCKET=/no/such\0X=1\0")
        #expect(!box.journalText("a").contains("NOTIFY_SOCKET"))
        #expect(!box.journalText("a").contains("HUSH"))
    }

    @Test(
        "a file that is wrong is named with what is wrong, and nothing starts",
        arguments: [
            (#"{"comand": ["cat"]}"#, "'comand': no such option; 'keeperctl help spawn' has them all"),
            (#"{"command": "cat"}"#, "'command': not an array"),
            (#"{"command": ["cat", {}]}"#, "'command': neither a string without NUL nor a number"),
            (#"{"command": ["cat"], "wait": "ready"}"#, "'wait': no such option"),
            (#"{"command": ["cat"], "rm": "yes"}"#, "'rm': neither true nor false"),
            (#"{"command": ["cat"], "journalSize": 1}"#, "'1' is too small: give at least 64K"),
            (#"{"command": ["cat"], "labels": {"a": null}}"#, "'labels': neither a string"),
            (#"{"command": ["cat"], "isolate": "none"}"#, "'isolate' is for 'spawn'"),
            (#"{"command": ["a\u0000b"]}"#, "'command': neither a string without NUL"),
            (#"{"command": []}"#, "it has no \"command\", an array of strings"),
            ("[]", "not an object of options"),
            ("{", "not JSON: unexpected end at byte 1"),
        ])
    func wrongFiles(_ text: String, _ complaint: String) throws {
        try config("a", text)
        let outcome = try box.ctl("exec", "a")
        #expect(outcome.status == 1 && outcome.err.contains(complaint), outcome.why)
        #expect(outcome.err.split(separator: "\n").count == 1)
        #expect(!box.exists("a.d"))
    }

    @Test("without a file it says where one would be")
    func noFile() throws {
        let outcome = try box.ctl("exec", "a")
        #expect(outcome.status == 3, outcome.why)
        #expect(
            outcome.err
                == "keeperctl: no options of session a: there is no \(box.root)/.config/keeper/a.json and no /etc/keeper/a.json\n"
        )
        let named = try box.ctl("exec", "--config", "\(box.root)/x.json", "a")
        #expect(named.status == 3 && named.err.contains("there is no \(box.root)/x.json\n"), named.why)
    }
}
