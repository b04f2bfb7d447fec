import CSystem

/// Faults that a test asks a debug build to inject at the choke points; a release build has none.
///
/// `KEEPER_FAULTS` holds rules `call:text:first:count:code`, separated by commas: of the calls of that
/// name whose subject contains the text, `count` of them (0: all) from the `first` (counted from 1) fail
/// with the error number; 0 makes a write take a single byte. `call` may be `pause`: there `code` is a delay in
/// milliseconds; or `kill`, which does nothing then: there the subject is `=9=` for SIGKILL.
package enum Faults {
    #if DEBUG
        private struct Rule {
            let call: String
            let text: String
            let first: Int
            let count: Int
            let code: Int32
            var seen = 0
        }

        nonisolated(unsafe) private static var rules: [Rule] = {
            guard let text = getenv("KEEPER_FAULTS") else { return [] }
            return String(cString: text).split(separator: ",").compactMap { entry in
                let parts = entry.split(separator: ":", omittingEmptySubsequences: false)
                guard parts.count == 5, let first = Int(parts[2]), let count = Int(parts[3]),
                    let code = Int32(parts[4])
                else { return nil }
                return Rule(
                    call: String(parts[0]), text: String(parts[1]), first: first, count: count, code: code)
            }
        }()
    #endif

    /// The error number to fail with, or nil.
    @inline(__always)
    package static func next(_ call: StaticString, _ subject: @autoclosure () -> String) -> Int32? {
        #if DEBUG
            if rules.isEmpty { return nil }
            let name = "\(call)"
            let text = subject()
            for index in rules.indices where rules[index].call == name {
                guard rules[index].text.isEmpty || text.utf8.containsRun(of: rules[index].text.utf8) else {
                    continue
                }
                rules[index].seen += 1
                let rule = rules[index]
                if rule.seen >= rule.first && (rule.count == 0 || rule.seen < rule.first + rule.count) {
                    return rule.code
                }
            }
        #endif
        return nil
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
        fileprivate func containsRun(of other: String.UTF8View) -> Bool {
            var rest = self[...]
            while rest.count >= other.count {
                if rest.starts(with: other) { return true }
                rest = rest.dropFirst()
            }
            return false
        }
    }
#endif
