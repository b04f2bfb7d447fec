import KeeperShared

/// Says on standard output what was done with sessions, and on standard error what could not be done.
final class ActionReport {
    private let failures = FailureRecord()
    private let output: StandardOutput
    private let isJSON: Bool

    init(_ context: Context) {
        output = context.output
        isJSON = context.arguments[Shared.json]
    }

    var status: Int32 { failures.status }

    /// - Parameter path: what caused it, if that is to be said.
    /// - Parameter isDry: whether it would be done, and was not.
    func done(_ event: String, _ id: SessionID, path: [UInt8]? = nil, isDry: Bool = false) {
        if isJSON { return write(event, id, path: path, isDry: isDry, error: nil) }
        output.write(
            concat(
                isDry ? "would have " : "", event, " ", id.string,
                path.map { concat(": ", quoted($0), " changed") } ?? "", "\n"))
        output.flush()
    }

    /// The watch has begun: from now on no change is missed.
    func watching(_ tree: TreeWatch) {
        let count = String(tree.count)
        output.write(
            isJSON
                ? concat("{\"event\":\"watching\",\"directories\":", count, "}\n")
                : concat("watching ", count, " directories\n"))
        output.flush()
    }

    func failed(_ failure: CommandFailure, _ id: SessionID? = nil, path: [UInt8]? = nil) {
        failures.add(failure)
        if isJSON, let id { write("failed", id, path: path, isDry: false, error: failure.text) }
    }

    private func write(
        _ event: String, _ id: SessionID, path: [UInt8]?, isDry: Bool, error: String?
    ) {
        output.write(
            jsonObject(isLine: true) { json in
                json.member("time", Timestamp.now().rfc3339)
                json.member("sessionId", id.string)
                json.member("event", event)
                if let path { json.member("path", utf8: path) }
                if isDry { json.member("dryRun", true) }
                if let error { json.member("error", error) }
            })
        output.flush()
    }
}
