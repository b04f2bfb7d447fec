import CSystem
import KeeperShared

@main struct KeeperMain {
    static func main() { exit(runKeeper()) }
}

/// Runs what the arguments ask for, and returns the exit status: 0 the session ran and ended; 1 the child could not
/// be started; 2 bad usage or the session could not be set up; 5 the id is taken.
func runKeeper() -> Int32 {
    csys_fill_standard_streams()
    if let failure = startFromFile() {
        printError(failure)
        return 2
    }
    if let first = csys_argv(1), csys_argc() == 2, strcmp(first, "--check-state") == 0 {
        return TakeOver.check()
    }
    let log = KeeperLog()
    let settings: Settings
    let arguments: ParsedArguments
    do throws(UsageError) {
        switch try parseCommandLine(processArguments(), for: keeperTable) {
        case .help: return printText(HelpRenderer.render(nil, of: keeperTable))
        case .version: return printText(Array(concat("keeper ", "\(keeperVersion)", "\n").utf8))
        case .run(let parsed):
            arguments = parsed
            settings = try makeSettings(parsed, log)
        }
    } catch {
        printError(error.message)
        return 2
    }
    if let state = settings.takeOver { return resume(settings, state, log) }
    if settings.isResilient { return runResilient(settings, log) }
    closeInherited(keeping: settings.reportDescriptor ?? settings.handoverDescriptor)
    let report = SpawnReport(settings.reportDescriptor.map { FileDescriptor(owning: $0) })
    if var isolation = Isolation(arguments, settings, report), let status = isolation.handOver() {
        return status
    }
    if let number = settings.handoverDescriptor { close(number) }
    return launch(settings, log, report)
}

/// Runs a session until it is over; returns the exit status.
private func serve(_ session: Session) -> Int32 {
    session.runLoop()
    session.recorder.manager.queue.settle()
    return session.exitStatus
}

private func launch(_ settings: Settings, _ log: KeeperLog, _ report: SpawnReport) -> Int32 {
    do throws(LaunchError) {
        let session = try Launch(settings: settings, log: log, report: report).start()
        return serve(session)
    } catch {
        log.line("failed: \(error.text)")
        report.failed(status: error.status, execError: error.execError, error.text)
        return error.status
    }
}

/// Goes on with the session of a keeper that was killed, if the service manager has kept one, or starts it.
private func runResilient(_ settings: Settings, _ log: KeeperLog) -> Int32 {
    let received = ReceivedDescriptors()
    csys_close_range(UInt32(3 + received.count), UInt32.max)
    do throws(LaunchError) {
        switch try Recovery(settings: settings, log: log, received: received).start() {
        case .session(let session): return serve(session)
        case .over(let status): return status
        case .nothing: return launch(settings, log, SpawnReport(nil))
        }
    } catch {
        log.line("failed to go on: \(error.text)")
        printError(error.text)
        return error.status
    }
}

/// Goes on with a session in the place of another binary.
private func resume(_ settings: Settings, _ state: Int32, _ log: KeeperLog) -> Int32 {
    do throws(LaunchError) {
        let session = try TakeOver.resume(settings, state: state, failure: settings.takeOverFailure, log: log)
        return serve(session)
    } catch {
        log.line("failed to take over: \(error.text)")
        printError(error.text)
        return error.status
    }
}

private func printText(_ bytes: [UInt8]) -> Int32 {
    let count = bytes.withUnsafeBytes { write(STDOUT_FILENO, $0.baseAddress, $0.count) }
    return count == bytes.count ? 0 : 1
}

/// Whatever the caller had open is not this session's to hold.
private func closeInherited(keeping kept: Int32?) {
    if let kept, kept > 3 { csys_close_range(3, UInt32(kept - 1)) }
    csys_close_range(UInt32((kept ?? 2) + 1), UInt32.max)
}
