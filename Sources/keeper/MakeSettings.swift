import CSystem
import KeeperShared

/// Turns arguments, and for a dashboard the environment, into settings.
func makeSettings(_ arguments: ParsedArguments, _ log: KeeperLog) throws(UsageError) -> Settings {
    let id: SessionID
    let path: String
    do throws(SessionIDError) {
        id = try SessionID(bytes: arguments.operands[0].bytes)
    } catch {
        throw UsageError(
            .invalidValue,
            concat(quoted(arguments.operands[0].bytes), " is not a session id: ", error.message))
    }
    do throws(SessionsDirectoryError) {
        path = try SessionsDirectory.resolve(option: arguments.value("sessions-dir")?.text)
    } catch {
        throw UsageError(.invalidValue, error.text)
    }
    var settings = Settings(
        id: id, sessionsPath: path, command: ChildCommand(lastArguments: arguments.trailing.count))
    settings.workingDirectory = arguments.value("cwd")?.text
    settings.labels = arguments.values("label").map { Label($0) }
    settings.removesFiles = arguments.flag("rm")
    settings.awaitsReader = arguments.flag("await-reader")
    settings.mergesStreams = arguments.flag("merge-stderr")
    settings.maximumLine = arguments.size("max-line") ?? settings.maximumLine
    settings.maximumPending = arguments.size("max-pending") ?? settings.maximumPending
    // A line of the allowed length must have room, unless it was said how much there is.
    if !arguments.flag("max-pending") {
        settings.maximumPending = max(settings.maximumPending, settings.maximumLine)
    }
    if let leftovers = arguments.value("leftovers"), leftovers.equals("leave") { settings.leftovers = .leave }
    if arguments.flag("no-journal") {
        settings.output = .discard
    } else if let bound = arguments.size("journal-size") {
        settings.output = .journals(bound: bound)
    }
    settings.reportDescriptor = arguments.integer("report-fd").map { Int32($0) }
    settings.handoverDescriptor = arguments.integer("handover-fd").map { Int32($0) }
    if arguments.trailing.isEmpty {
        var complaints: [String] = []
        settings.isDropIn = true
        settings.command = DropIn.command(&complaints)
        settings.output = DropIn.output()
        for complaint in complaints { log.line(complaint) }
    }
    return settings
}

extension Label {
    /// `NAME=VALUE`; the parser has checked that there is a `=`.
    init(_ argument: Argument) {
        let mark = argument.bytes.firstIndex(of: UInt8(ascii: "=")) ?? argument.bytes.endIndex
        self.init(
            name: String(decoding: argument.bytes[..<mark], as: UTF8.self),
            value: String(decoding: argument.bytes[mark...].dropFirst(), as: UTF8.self))
    }
}
