import CSystem

/// Faults that a test asks a debug build to inject at the choke points; a release build has none.
///
/// `KEEPER_FAULTS` holds rules `call:text:first:count:code`, separated by commas: of the calls of that
/// name whose subject contains the text (or is the text, after `=`), `count` of them (0: all) from the `first`
/// (counted from 1) fail with the error number; 0 makes a write take a single byte. `call` may be `pause`: there
/// `code` is a delay in milliseconds; or `kill`, which does nothing then: there the subject is the signal's number.
///
/// A rule that applies for the first time is appended, as a line, to the file `KEEPER_FAULTS_MET`: a test whose fault
/// never happened has shown nothing.
package enum Faults {
    #if DEBUG
        private struct Rule {
            let line: Substring
            let call: Substring
            let text: Substring
            let first: Int
            let count: Int
            let code: Int32
            var seen = 0

            init(_ line: Substring) {
                let parts = line.split(separator: ":", omittingEmptySubsequences: false)
                guard parts.count == 5, let first = Int(parts[2]), let count = Int(parts[3]),
                    let code = Int32(parts[4])
                else { Faults.fail("KEEPER_FAULTS: no rule: \(line)\n") }
                (self.line, call, text) = (line, parts[0], parts[1])
                (self.first, self.count, self.code) = (first, count, code)
            }

            func matches(_ subject: String) -> Bool {
                if text.first == "=" { return text.dropFirst() == subject }
                return text.isEmpty || subject.utf8.containsRun(of: text.utf8)
            }
        }

        nonisolated(unsafe) private static var rules: [Rule] = {
            guard let text = getenv("KEEPER_FAULTS") else { return [] }
            return String(cString: text).split(separator: ",").map { Rule($0) }
        }()

        private static let pace: Int64 = {
            guard let text = getenv("KEEPER_TEST_PACE") else { return 1 }
            guard let pace = Int64(String(cString: text)), pace > 0 else {
                fail("KEEPER_TEST_PACE: no number\n")
            }
            return pace
        }()

        private static func fail(_ message: String) -> Never {
            _ = write(2, message, message.utf8.count)
            _exit(70)
        }

        private static func report(_ rule: Rule) {
            guard let path = getenv("KEEPER_FAULTS_MET") else { return }
            let file = csys_openat(AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            let line = [UInt8](rule.line.utf8) + [10]
            guard file >= 0, write(file, line, line.count) == line.count, close(file) == 0 else {
                fail("KEEPER_FAULTS_MET: \(errorText(csys_errno()))\n")
            }
        }
    #endif

    /// The error number to fail with, or nil.
    @inline(__always)
    package static func next(_ call: StaticString, _ subject: @autoclosure () -> String) -> Int32? {
        #if DEBUG
            if rules.isEmpty { return nil }
            let name = "\(call)"
            let text = subject()
            for index in rules.indices where rules[index].call == name && rules[index].matches(text) {
                rules[index].seen += 1
                let rule = rules[index]
                if rule.seen >= rule.first && (rule.count == 0 || rule.seen < rule.first + rule.count) {
                    if rule.seen == rule.first { report(rule) }
                    return rule.code
                }
            }
        #endif
        return nil
    }

    /// A wait of the keeper's own, in ns, that a test has no time for: `KEEPER_TEST_PACE` divides it in a debug build.
    @inline(__always)
    package static func paced(_ duration: Int64) -> Int64 {
        #if DEBUG
            return duration / pace
        #else
            return duration
        #endif
    }

    /// Waits where a test wants a race to have its chance.
    @inline(__always)
    package static func pause(_ place: StaticString) {
        #if DEBUG
            if let milliseconds = next("pause", "\(place)") { usleep(UInt32(milliseconds) * 1000) }
        #endif
    }
}

#if DEBUG
    extension String.UTF8View {
        fileprivate func containsRun(of other: Substring.UTF8View) -> Bool {
            var rest = self[...]
            while rest.count >= other.count {
                if rest.starts(with: other) { return true }
                rest = rest.dropFirst()
            }
            return false
        }
    }
#endif
