import CSystem
import KeeperShared

/// The contract of dashboards that start `keeper <id>` with no command: everything else comes in the environment.
enum DropIn {
    /// The child's argv, and what is to be said about values that could not be used.
    static func command(_ complaints: inout [String]) -> ChildCommand {
        let program = list("PI_KEEPER_PI_CMD", default: ["pi"], &complaints)
        let arguments = list("PI_KEEPER_PI_ARGS", default: ["--mode", "rpc"], &complaints)
        return ChildCommand(program + arguments)
    }

    /// Where the child's output goes.
    static func output() -> OutputMode {
        guard equalUTF8(environment("PI_KEEPER_CAPTURE_PI_OUTPUT") ?? "", "1") else { return .discard }
        return .log(
            bound: number("PI_KEEPER_LOG_MAX_BYTES", default: 128 << 20),
            interval: .milliseconds(Int64(number("PI_KEEPER_LOG_CHECK_INTERVAL_MS", default: 5000))))
    }

    private static func list(
        _ name: String, default fallback: [String], _ complaints: inout [String]
    ) -> [String] {
        // Set but empty is a mistake too, unlike not set.
        guard let text = getenv(name) else { return fallback }
        // What is no JSON is complained about below.
        if let value = try? JSONValue.parse(Array(String(cString: text).utf8)), let items = value.arrayValue {
            let strings = items.compactMap { $0.stringValue }
            let isUsable = strings.count == items.count && !strings.contains { $0.utf8.contains(0) }
            if isUsable, !(strings.first ?? "").isEmpty { return strings }
        }
        complaints.append("ignoring malformed \(name)")
        return fallback
    }

    private static func number(_ name: String, default fallback: Int) -> Int {
        guard let text = environment(name), let value = Int(text), value > 0, value <= Int.max / 2_000_000
        else {
            return fallback
        }
        return value
    }
}
