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
        path = try SessionsDirectory.resolve(option: arguments[SessionOptions.directory]?.text)
    } catch {
        throw UsageError(.invalidValue, error.text)
    }
    var settings = Settings(
        id: id, sessionsPath: path, command: ChildCommand(lastArguments: arguments.trailing.count))
    settings.workingDirectory = arguments[SessionOptions.cwd]?.text
    settings.labels = arguments[SessionOptions.label].map { Label($0) }
    settings.removesFiles = arguments[SessionOptions.removesFiles]
    settings.awaitsReader = arguments[KeeperOptions.awaitsReader]
    settings.mergesStreams = arguments[SessionOptions.mergesStreams]
    settings.maximumLine = arguments[SessionOptions.maximumLine]
    settings.maximumPending = arguments[SessionOptions.maximumPending]
    // A line of the allowed length must have room, unless it was said how much there is.
    if !arguments.isGiven(SessionOptions.maximumPending) {
        settings.maximumPending = max(settings.maximumPending, settings.maximumLine)
    }
    settings.isResilient = arguments[KeeperOptions.resilient]
    if settings.isResilient { try checkResilience(arguments) }
    readSupervision(arguments, into: &settings)
    settings.output =
        arguments[SessionOptions.discardsOutput]
        ? .discard : .journals(bound: arguments[SessionOptions.journalSize])
    let size = arguments[SessionOptions.size]
    if size != nil || arguments[SessionOptions.tty] {
        settings.terminalSize = size ?? .standard
        // A terminal is one thing: what is written to it on either stream is what it shows.
        settings.mergesStreams = true
        if arguments[SessionOptions.stopSteps] == nil { settings.stopSteps = StopStep.terminal }
        if arguments.trailing.isEmpty {
            throw UsageError(
                .missingOperand, "--tty needs a COMMAND: the output of the default one is not kept")
        }
    }
    settings.takeOver = arguments[KeeperOptions.takeOver]
    settings.takeOverFailure = arguments[KeeperOptions.takeOverFailure]?.text
    settings.reportDescriptor = arguments[KeeperOptions.reportDescriptor]
    settings.handoverDescriptor = arguments[KeeperOptions.handoverDescriptor]
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
    if arguments.trailing.isEmpty || arguments[KeeperOptions.reportDescriptor] != nil {
        throw UsageError(
            .conflictingOptions, "--resilient is for a unit of a service manager, with a command")
    }
    if arguments[SessionOptions.tty] {
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
        ? " without PI_KEEPER_CAPTURE_PI_OUTPUT=1: the output is not read then"
        : " with --no-journal: the output is not read then"
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

private func readSupervision(_ arguments: ParsedArguments, into settings: inout Settings) {
    settings.restart = arguments[SessionOptions.restart]
    settings.restartLimit = arguments[SessionOptions.restartLimit]
    settings.ready = arguments[SessionOptions.ready]
    settings.limits.startTimeout = arguments[SessionOptions.startTimeout]
    settings.limits.watchdog = arguments[SessionOptions.watchdog]
    settings.limits.maximumRuntime = arguments[SessionOptions.maximumRuntime]
    settings.limits.idleTimeout = arguments[SessionOptions.idleTimeout]
    settings.limits.silenceTimeout = arguments[SessionOptions.silenceTimeout]
    settings.limits.maximumMemory = arguments[SessionOptions.maximumMemory]
    settings.limits.memoryWarning = arguments[SessionOptions.memoryWarning]
    settings.limits.processorWarning = arguments[SessionOptions.processorWarning]
    settings.resourceLimits = arguments[SessionOptions.limit]
    if let steps = arguments[SessionOptions.stopSteps] { settings.stopSteps = steps }
    settings.killScope = arguments[SessionOptions.killScope]
    settings.leftovers = arguments[SessionOptions.leftovers]
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
