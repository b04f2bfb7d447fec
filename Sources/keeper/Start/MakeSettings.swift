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
    settings.isResilient = arguments.flag("resilient")
    if settings.isResilient { try checkResilience(arguments) }
    try readSupervision(arguments, into: &settings)
    if arguments.flag("no-journal") {
        settings.output = .discard
    } else if let bound = arguments.size("journal-size") {
        settings.output = .journals(bound: bound)
    }
    if arguments.flag("tty") || arguments.flag("size") {
        settings.terminalSize =
            arguments.value("size").flatMap { TerminalSize.parse($0.bytes) } ?? .standard
        // A terminal is one thing: what is written to it on either stream is what it shows.
        settings.mergesStreams = true
        if !arguments.flag("stop-steps") { settings.stopSteps = StopStep.terminal }
        if arguments.trailing.isEmpty {
            throw UsageError(
                .missingOperand, "--tty needs a COMMAND: the output of the default one is not kept")
        }
    }
    settings.takeOver = arguments.integer("take-over").map { Int32($0) }
    settings.takeOverFailure = arguments.value("take-over-failure")?.text
    settings.reportDescriptor = arguments.integer("report-fd").map { Int32($0) }
    settings.handoverDescriptor = arguments.integer("handover-fd").map { Int32($0) }
    if arguments.trailing.isEmpty {
        var complaints: [String] = []
        settings.isDropIn = true
        settings.command = DropIn.command(&complaints)
        settings.output = DropIn.output()
        for complaint in complaints { log.line(complaint) }
    }
    if case .discard = settings.output { try checkNobodyReads(settings) }
    return settings
}

/// What survives a keeper is what is in journals, and somebody has to keep what is open.
private func checkResilience(_ arguments: ParsedArguments) throws(UsageError) {
    if arguments.trailing.isEmpty || arguments.flag("report-fd") {
        throw UsageError(
            .conflictingOptions, "--resilient is for a unit of a service manager, with a command")
    }
    if arguments.flag("tty") {
        throw UsageError(
            .conflictingOptions,
            "--resilient can't be given with --tty: a terminal does not outlive its keeper")
    }
    if !ServiceManager.isMain {
        throw UsageError(
            .conflictingOptions,
            "--resilient needs a service manager that keeps what is open, and this is not the main process of a "
                + "service with NotifyAccess= (NOTIFY_SOCKET): start the session as keeper-resilient@ID.service"
        )
    }
}

/// Refuses what looks at the output where nobody reads that.
private func checkNobodyReads(_ settings: Settings) throws(UsageError) {
    let why =
        settings.isDropIn
        ? " without PI_KEEPER_CAPTURE_PI_OUTPUT=1: nobody reads the output then"
        : " with --no-journal: nobody reads the output then"
    switch settings.ready {
    case .output, .line:
        throw UsageError(
            .conflictingOptions, concat("--ready output and --ready line can't be given", why))
    case .delay, .notify, .descriptor: break
    }
    if settings.limits.silenceTimeout != nil {
        throw UsageError(.conflictingOptions, concat("--silence-timeout can't be given", why))
    }
}

private func readSupervision(
    _ arguments: ParsedArguments, into settings: inout Settings
) throws(UsageError) {
    if let policy = arguments.value("restart") { settings.restart = RestartPolicy.parse(policy.bytes) ?? .no }
    settings.restartLimit = arguments.value("restart-limit").flatMap { RestartLimit.parse($0.bytes) }
    if let condition = arguments.value("ready") {
        settings.ready = ReadyCondition.parse(condition.bytes) ?? .standard
    }
    settings.limits.startTimeout = arguments.duration("start-timeout") ?? settings.limits.startTimeout
    settings.limits.watchdog = arguments.duration("watchdog")
    settings.limits.maximumRuntime = arguments.duration("max-runtime")
    settings.limits.idleTimeout = arguments.duration("idle-timeout")
    settings.limits.silenceTimeout = arguments.duration("silence-timeout")
    settings.limits.maximumMemory = arguments.size("memory-max")
    settings.limits.memoryWarning = arguments.size("memory-warn")
    settings.limits.processorWarning = arguments.integer("cpu-warn")
    settings.resourceLimits = arguments.values("limit").compactMap { ResourceLimit.parse($0.bytes) }
    if let steps = arguments.value("stop-steps") {
        settings.stopSteps = StopStep.parse(steps.text) ?? StopStep.standard
    }
    if let scope = arguments.value("kill") {
        settings.killScope = scope.equals("tree") ? .tree : scope.equals("process") ? .process : .group
    }
    if let leftovers = arguments.value("leftovers"), leftovers.equals("leave") { settings.leftovers = .leave }
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
