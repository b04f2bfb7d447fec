import Glibc
import Testing

/// Runs a test only with executables that take faults (`Sources/KeeperShared/System/Faults.swift`), which release
/// ones don't.
func requiresFaults() -> ConditionTrait {
    .enabled(if: Executables.areDebug, "only debug executables take faults")
}

/// Arguments of a test: no fault, and each of these where the executables take faults.
func noneOrFaults(_ rules: String...) -> [String] { [""] + (Executables.areDebug ? rules : []) }

extension Sandbox {
    /// Variables that have a program fail as the rules say, separated by commas; none without rules. At the sandbox's
    /// end each rule must have been met: else the test would have shown nothing.
    func faults(_ rules: String, sourceLocation: SourceLocation = #_sourceLocation) -> [String: String] {
        if rules.isEmpty { return [:] }
        if !Executables.areDebug {
            Issue.record("these executables take no faults: requiresFaults()", sourceLocation: sourceLocation)
        }
        expectedFaults += rules.split(separator: ",").map { (String($0), sourceLocation) }
        return ["KEEPER_FAULTS": rules, "KEEPER_FAULTS_MET": root + "/faults-met"]
    }

    /// Has debug executables wait a tenth of the time for leftovers, for output that is held, and between looks at what
    /// a session uses; a tenth counts as recovered as well. Release executables take their time.
    func hurry() { environment["KEEPER_TEST_PACE"] = "10" }

    func checkFaults() {
        let met = String(decoding: readFile(root + "/faults-met") ?? [], as: UTF8.self).split(separator: "\n")
        for (rule, sourceLocation) in expectedFaults where !met.contains(Substring(rule)) {
            Issue.record("the fault \(rule) met nothing", sourceLocation: sourceLocation)
        }
    }
}
