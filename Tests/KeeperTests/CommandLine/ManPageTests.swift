import Foundation
import KeeperShared
import Testing

@Suite struct ManPageTests {
    @Test(requires("mandoc")) func mandocHasNoComplaint() throws {
        let sandbox = try Sandbox()
        for page in RenderedFiles.pages {
            let outcome = try sandbox.run(["mandoc", "-T", "lint", page])
            // Whether other pages are installed here is another question.
            let complaints = outcome.out.split(separator: "\n").filter {
                !$0.contains("referenced manual not found") && !$0.contains("mandoc.db")
            }
            #expect(complaints.isEmpty, outcome.why)
        }
    }

    @Test(requires("man", "nroff")) func manShowsEveryPageWithoutWarning() throws {
        let sandbox = try Sandbox()
        for page in RenderedFiles.pages {
            let outcome = try sandbox.run(["man", "--warnings", "-l", page], setting: ["MANWIDTH": "80"])
            #expect(outcome.status == 0 && outcome.err.isEmpty, outcome.why)
            #expect(outcome.out.contains("SEE ALSO"), "\(page)")
            for line in outcome.out.split(separator: "\n") where line.count > 80 {
                #expect(line.hasPrefix("           "), "\(page): \(line)")
            }
        }
    }

    @Test func everyPageHasItsSections() throws {
        for page in RenderedFiles.pages where page.hasSuffix(".1") {
            let text = String(decoding: try #require(readFile(page)), as: UTF8.self)
            for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"] {
                #expect(text.contains("\n.Sh \(section)\n"), "\(page): \(section)")
            }
            #expect(text.utf8.allSatisfy { $0 < 0x80 }, "\(page)")
        }
    }

    @Test func pagesReferToPagesThatAreThere() throws {
        let names = Set(RenderedFiles.pages.map { String($0.split(separator: "/").last!) })
        for page in RenderedFiles.pages {
            for line in String(decoding: try #require(readFile(page)), as: UTF8.self).split(separator: "\n") {
                let words = line.split(separator: " ")
                guard let place = words.firstIndex(where: { $0 == ".Xr" || $0 == "Xr" }) else { continue }
                let name = "\(words[place + 1]).\(words[place + 2])"
                #expect(names.contains(name) || !name.hasPrefix("keeper"), "\(page): \(name)")
            }
        }
    }
}

/// The page of the formats, which is written by hand, against what the code writes.
@Suite struct FormatPageTests {
    private func words() throws -> Set<Substring> {
        let path = "\(RenderedFiles.repository)/\(RenderedFiles.written[0])"
        let text = String(decoding: try #require(readFile(path)), as: UTF8.self)
        // Names are marked up as such: prose that has the word by chance doesn't count.
        let marked = text.split(separator: "\n").filter { $0.hasPrefix(".Cm ") || $0.hasPrefix(".It Cm ") }
        return Set(marked.flatMap { $0.split(separator: " ") })
    }

    @Test func itNamesEveryMemberOfAStatus() throws {
        let identity = ProcessIdentity(pid: 1, startTime: 1)
        let now = Timestamp.now()
        var status = SessionStatus(
            sessionID: "x", instance: "0", state: .failed,
            keeper: SessionStatus.Keeper(
                identity: identity, bootID: "", pidNamespace: "", version: "", startedAt: now),
            command: [], workingDirectory: [], labels: [])
        status.reason = "why"
        status.keeper.previousPID = 1
        status.child = SessionStatus.Child(identity: identity, startedAt: now)
        status.child?.readyAt = now
        status.stderrTail = []
        for end in [ProcessEnd.exited(1), .signalled(9), .unknown] {
            status.exit = SessionStatus.Exit(end: end, at: now)
            var json = JSONWriter()
            status.write(to: &json)
            try expectNamed(keys(of: try JSON(parsing: json.bytes)))
        }
    }

    @Test func itNamesEveryState() throws { try expectNamed(Set(SessionState.allCases.map { "\($0.name)" })) }

    @Test func itNamesWhatASessionWrites() throws {
        let sandbox = try Sandbox()
        try sandbox.spawn("x", "--wait", "ready", "--label", "a=b", "--", "cat")
        let control = try UnixClient(sandbox.control("x"))
        var seen = keys(of: try control.call("status"))
        seen.formUnion(keys(of: try control.call("signal", ["name": "WINCH", "to": "process"])))
        seen.formUnion(keys(of: try control.call("nonsense")))
        seen.formUnion(keys(of: try control.call("stop", ["now": true])))
        try sandbox.ctl("wait", "x")
        seen.formUnion(keys(of: try JSON(parsing: try #require(sandbox.bytes("x.d/status.json")))))
        for event in try JSON.lines(try #require(sandbox.bytes("x.d/events.jsonl"))) {
            seen.formUnion(keys(of: event))
            seen.insert(try #require(event["event"]?.string))
        }
        try expectNamed(seen)
    }

    @Test func itNamesWhatStreamEventsSay() throws {
        let sandbox = try Sandbox()
        try sandbox.spawn("x", "--", "sh", "-c", "printf x; exec cat")
        let reader = try sandbox.startCtl("follow", "x", "--metrics", "100ms")
        var seen = try reader.readEvents("figures") { $0.type == "metrics" }
        try sandbox.ctl("kill", "x")
        seen += try reader.readEvents("the end") { $0.state == "exited" }
        seen += [try #require(try sandbox.startCtl("follow", "none", "--from", "i:1:1").readEvent())]
        for event in seen {
            try expectNamed(keys(of: event.json).union([event.type]))
            if let code = event.data?["code"]?.string { try expectNamed([code]) }
        }
        #expect(Set(seen.map(\.type)) == ["output", "status", "metrics", "error"])
        try expectNamed(["gap", "bytes", "otherSession", "unreadable", "base64", "utf8", "partial"])
        let run = try sandbox.ctl("run", "--json", "--", "printf", "\\377")
        try expectNamed(keys(of: try JSON(parsing: run.stdout)))
        try expectNamed(["stderrEncoding", "stdoutLost", "stderrLost", "survivors", "unknown"])
    }

    /// Some things happen too seldom to wait for them: the sources have their names.
    @Test func itNamesWhatTheSourcesWrite() throws {
        var names: Set<String> = []
        let sources = "\(RenderedFiles.repository)/Sources"
        let keeper = directoryEntries("\(sources)/keeper").map { "keeper/\($0)" }
        for room in keeper + ["Directory", "Status", "Reaping"].map({ "KeeperShared/\($0)" }) {
            let path = "\(sources)/\(room)"
            for file in directoryEntries(path) where file.hasSuffix(".swift") {
                let text = String(decoding: try #require(readFile("\(path)/\(file)")), as: UTF8.self)
                for call in ["json.key(\"", "json.member(\"", "codeKey: \"", "event: \""] {
                    names.formUnion(literals(after: call, in: text))
                }
                // The names of the events.
                let cases = text.split(separator: "\n").filter {
                    $0.contains(" case .") && !$0.contains("json")
                }
                if file == "SessionEvent.swift" {
                    for line in cases { names.formUnion(literals(after: ": \"", in: String(line))) }
                }
            }
        }
        #expect(names.isSuperset(of: ["sessionId", "journalFull", "survivors", "lost", "stuck", "exitCode"]))
        try expectNamed(names)
    }

    private func literals(after mark: String, in text: String) -> [String] {
        var rest = text[...]
        var found: [String] = []
        while let place = rest.range(of: mark) {
            rest = rest[place.upperBound...]
            found.append(String(rest.prefix { $0 != "\"" }))
        }
        return found
    }

    private func expectNamed(_ names: Set<String>, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let missing = names.subtracting(try words().map(String.init)).subtracting([""])
        #expect(missing.isEmpty, "keeper-sessions.5 doesn't name them", sourceLocation: sourceLocation)
    }

    /// The names of all members, at any depth; not those of labels, which users choose.
    private func keys(of json: JSON) -> Set<String> {
        var result: Set<String> = []
        for (name, value) in json.dictionary {
            result.insert(name)
            if name != "labels" { result.formUnion(keys(of: value)) }
        }
        for element in json.array ?? [] { result.formUnion(keys(of: element)) }
        return result
    }
}
